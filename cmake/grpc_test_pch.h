#pragma once
// Precompiled for the test programs that speak gRPC.
#include "cmake/grpc_pch.h"
#include "cmake/test_pch.h"
