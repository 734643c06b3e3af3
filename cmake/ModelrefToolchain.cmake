# Language level, warnings, sanitizers, ccache and mold: everything about how a file of ours is compiled.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
# Assertions of the standard library stay on in every build; they cost little and catch much.
add_compile_definitions(_GLIBCXX_ASSERTIONS)

find_program(MODELREF_CCACHE ccache)
if(MODELREF_CCACHE)
  # Precompiled headers are only cached with this sloppiness.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND}" -E env "CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime"
      "${MODELREF_CCACHE}")
endif()
find_program(MODELREF_MOLD mold)
if(MODELREF_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

set(MODELREF_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
    # Designated initializers name what matters; the rest has its default.
    -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  list(APPEND MODELREF_WARNINGS -Wthread-safety)
endif()
if(MODELREF_WERROR)
  list(APPEND MODELREF_WARNINGS -Werror)
endif()

set(MODELREF_SANITIZE_FLAGS "")
if(MODELREF_SANITIZE)
  # g++ 12 warns wrongly about std::regex and std::function when their code is instrumented.
  set(MODELREF_SANITIZE_FLAGS "-fsanitize=${MODELREF_SANITIZE}" -fno-omit-frame-pointer -fno-sanitize-recover=all
      -Wno-maybe-uninitialized)
  if(MODELREF_SANITIZE MATCHES "thread")
    # Protobuf lays a class out differently under this macro; the packaged library is built without.
    list(APPEND MODELREF_SANITIZE_FLAGS -U__SANITIZE_THREAD__ -D_GLIBCXX_TSAN=1)
  endif()
  add_link_options("-fsanitize=${MODELREF_SANITIZE}")
endif()

# modelref_library(NAME SRCS... DEPS... [PCH]): a static library of one folder, checked with our warnings.
# PCH shares the precompiled gRPC and Protobuf headers; use it only where most files need them.
function(modelref_library name)
  cmake_parse_arguments(ARG "PCH" "" "SRCS;DEPS" ${ARGN})
  if(NOT ARG_SRCS)
    file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/${name}_empty.cc" "")
    set(ARG_SRCS "${CMAKE_CURRENT_BINARY_DIR}/${name}_empty.cc")
  endif()
  add_library(${name} STATIC ${ARG_SRCS})
  add_library(modelref::${name} ALIAS ${name})
  modelref_configure(${name})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS})
  if(ARG_PCH AND MODELREF_PCH)
    target_precompile_headers(${name} PRIVATE "${PROJECT_SOURCE_DIR}/cmake/grpc_pch.h")
  endif()
endfunction()

# modelref_executable(NAME SRCS... DEPS...): the same for a program.
function(modelref_executable name)
  cmake_parse_arguments(ARG "PCH" "" "SRCS;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SRCS})
  modelref_configure(${name})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
  if(ARG_PCH AND MODELREF_PCH)
    target_precompile_headers(${name} PRIVATE "${PROJECT_SOURCE_DIR}/cmake/grpc_pch.h")
  endif()
endfunction()

function(modelref_configure name)
  target_include_directories(${name} PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>")
  target_compile_options(${name} PRIVATE ${MODELREF_WARNINGS} ${MODELREF_SANITIZE_FLAGS})
endfunction()
