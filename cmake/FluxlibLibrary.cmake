# fluxlib_library(NAME name INCLUDE dir [SOURCES ...] [PUBLIC ...] [PRIVATE ...])
#
# An installed, exported library with the alias fluxlib::name. PUBLIC and PRIVATE are what it links. Without
# SOURCES it is a header-only library.
function(fluxlib_library)
    cmake_parse_arguments(PARSE_ARGV 0 L "" "NAME;INCLUDE" "SOURCES;PUBLIC;PRIVATE")
    if(L_SOURCES)
        add_library(${L_NAME} ${L_SOURCES})
        set(scope PUBLIC)
        target_link_libraries(${L_NAME} PRIVATE ${L_PRIVATE})
        set_target_properties(${L_NAME} PROPERTIES
            VERSION ${PROJECT_VERSION}
            SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
            DEFINE_SYMBOL "") # a define of its own would keep it from sharing a precompiled header
    else()
        add_library(${L_NAME} INTERFACE)
        set(scope INTERFACE)
    endif()
    add_library(fluxlib::${L_NAME} ALIAS ${L_NAME})
    target_compile_features(${L_NAME} ${scope} cxx_std_20)
    target_link_libraries(${L_NAME} ${scope} ${L_PUBLIC})
    target_include_directories(${L_NAME} ${scope}
        "$<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/${L_INCLUDE}>"
        "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")

    if(L_SOURCES AND L_NAME STREQUAL "fluxmq")
        target_precompile_headers(fluxmq PRIVATE "${PROJECT_SOURCE_DIR}/cmake/pch.hpp")
    elseif(L_SOURCES)
        target_precompile_headers(${L_NAME} REUSE_FROM fluxmq)
    endif()

    set_property(GLOBAL APPEND PROPERTY FLUXLIB_INCLUDE_DIRS "${CMAKE_CURRENT_SOURCE_DIR}/${L_INCLUDE}")
    install(TARGETS ${L_NAME} EXPORT fluxlib-targets)
    install(DIRECTORY "${L_INCLUDE}/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp")
endfunction()
