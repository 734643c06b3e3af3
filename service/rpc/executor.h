#pragma once

#include "backends/base/executor.h"  // IWYU pragma: export
