#pragma once
// Precompiled where most files of a target speak gRPC or Protobuf: one include costs seconds.
#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>
