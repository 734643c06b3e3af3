# What `cmake --install` puts where: programs, the protocol (protos, descriptor set, C++ stubs), the
# C++ client with everything it links, and a CMake package:
#
#   find_package(modelref CONFIG REQUIRED)
#   target_link_libraries(program PRIVATE modelref::client)   # or modelref::proto: the stubs alone
#
# Headers keep their paths of this tree ("clients/cpp/client.h", "modelref/v1/watch.pb.h") under
# include/modelref, which the targets add to the include path.

include(CMakePackageConfigHelpers)

set(modelref_headers_dir "${CMAKE_INSTALL_INCLUDEDIR}/modelref")
set(modelref_data_dir "${CMAKE_INSTALL_DATADIR}/modelref")
set(modelref_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/modelref")

foreach(program IN ITEMS modelrefd modelrefctl)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  endif()
endforeach()

# modelref_base is installed as modelref::base, and so on.
foreach(name IN ITEMS proto base client)
  set_target_properties(modelref_${name} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(modelref_${name} INTERFACE
    "$<INSTALL_INTERFACE:${modelref_headers_dir}>")
endforeach()
# Only headers of ours use RapidJSON's; a static library still has to name it.
set_target_properties(modelref_rapidjson PROPERTIES EXPORT_NAME rapidjson)
install(TARGETS modelref_proto modelref_base modelref_client modelref_rapidjson
  EXPORT modelrefTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT modelrefTargets NAMESPACE modelref:: DESTINATION "${modelref_package_dir}")

foreach(dir IN ITEMS backends/base clients/cpp)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/${dir}/" DESTINATION "${modelref_headers_dir}/${dir}"
    FILES_MATCHING PATTERN "*.h")
endforeach()
install(DIRECTORY "${MODELREF_PROTO_OUT}/" DESTINATION "${modelref_headers_dir}"
  FILES_MATCHING PATTERN "*.pb.h")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/proto/modelref" "${PROJECT_SOURCE_DIR}/proto/google"
  DESTINATION "${modelref_data_dir}/proto" FILES_MATCHING PATTERN "*.proto")
install(FILES "${GRPC_PROTO_DIR}/grpc/health/v1/health.proto"
  DESTINATION "${modelref_data_dir}/proto/grpc/health/v1")
install(FILES "${PROJECT_BINARY_DIR}/modelref.protoset" DESTINATION "${modelref_data_dir}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/deploy/sample-catalogue" DESTINATION "${modelref_data_dir}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/README.md"
  "${PROJECT_SOURCE_DIR}/CHANGELOG.md" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

configure_package_config_file(
  "${CMAKE_CURRENT_LIST_DIR}/modelrefConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/package/modelrefConfig.cmake"
  INSTALL_DESTINATION "${modelref_package_dir}"
  PATH_VARS modelref_data_dir)
# Before 1.0 a minor version may change anything.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/modelrefConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/package/modelrefConfig.cmake"
  "${PROJECT_BINARY_DIR}/package/modelrefConfigVersion.cmake"
  DESTINATION "${modelref_package_dir}")
