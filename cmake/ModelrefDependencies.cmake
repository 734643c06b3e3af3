# What Debian 12 packages provide; newer versions must work too.

find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(CURL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(absl CONFIG REQUIRED)
# Protobuf 22 and later only works by its own config, Debian 12's 3.21 has none. This order serves both, and gRPC needs
# it found first.
find_package(Protobuf CONFIG QUIET)
if(NOT Protobuf_FOUND)
  find_package(Protobuf REQUIRED)
endif()
find_package(gRPC CONFIG REQUIRED)

# No installed header declares it; without it no answer is compressed.
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_LIBRARIES gRPC::grpc)
check_cxx_source_compiles("
  #include <cstdint>
  struct grpc_call;
  uint32_t grpc_call_test_only_get_encodings_accepted_by_peer(grpc_call* call);
  int main() { return grpc_call_test_only_get_encodings_accepted_by_peer(nullptr) != 0; }
" MODELREF_GRPC_TELLS_ENCODINGS)
unset(CMAKE_REQUIRED_LIBRARIES)

find_path(RAPIDJSON_INCLUDE_DIR rapidjson/rapidjson.h REQUIRED)
find_path(HTTPLIB_INCLUDE_DIR httplib.h REQUIRED)
find_library(HTTPLIB_LIBRARY cpp-httplib REQUIRED)
find_path(GRPC_PROTO_DIR grpc/health/v1/health.proto PATHS /usr/share/grpc-proto REQUIRED)

add_library(modelref_rapidjson INTERFACE)
target_include_directories(modelref_rapidjson SYSTEM INTERFACE "${RAPIDJSON_INCLUDE_DIR}")

# glibc's allocator locks an arena for each block that another thread frees, which is what a server of many threads does
# all the time.
find_library(JEMALLOC_LIBRARY jemalloc REQUIRED)
