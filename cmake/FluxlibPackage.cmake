# What an installed FluxLib gives to others: find_package(fluxlib CONFIG), and pkg-config's fluxmq and fluxlib.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/fluxlib")
configure_package_config_file(cmake/fluxlib-config.cmake.in "${PROJECT_BINARY_DIR}/fluxlib-config.cmake"
    INSTALL_DESTINATION "${package_dir}")
# Until 1.0 a minor version may break, as semver has it.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/fluxlib-config-version.cmake"
    COMPATIBILITY SameMinorVersion)
install(EXPORT fluxlib-targets NAMESPACE fluxlib:: DESTINATION "${package_dir}")
get_property(components GLOBAL PROPERTY FLUXLIB_COMPONENTS)
foreach(component IN LISTS components)
    install(EXPORT fluxlib-${component}-targets NAMESPACE fluxlib:: DESTINATION "${package_dir}")
endforeach()
install(FILES "${PROJECT_BINARY_DIR}/fluxlib-config.cmake" "${PROJECT_BINARY_DIR}/fluxlib-config-version.cmake"
    cmake/FluxlibPlugin.cmake
    DESTINATION "${package_dir}")

# Relative to the .pc file, so that `cmake --install --prefix` and a moved tree work.
file(RELATIVE_PATH pc_to_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
foreach(name fluxmq fluxlib)
    configure_file(cmake/${name}.pc.in "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY)
    install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endforeach()
