# fluxlib_library(NAME name [INCLUDE dir] [STATIC] [COMPONENT name] [SOURCES ...] [PUBLIC ...] [PRIVATE ...])
#
# An installed, exported library with the alias fluxlib::name. PUBLIC and PRIVATE are what it links. Without
# SOURCES it is a header-only library; without INCLUDE its headers lie with those of a library that it links.
# STATIC: never a shared one. COMPONENT: what find_package(fluxlib COMPONENTS ...) has to name to get it.
function(fluxlib_library)
    cmake_parse_arguments(PARSE_ARGV 0 L "STATIC" "NAME;INCLUDE;COMPONENT" "SOURCES;PUBLIC;PRIVATE")
    set(type "")
    if(L_STATIC)
        set(type STATIC)
    endif()
    if(L_SOURCES)
        add_library(${L_NAME} ${type} ${L_SOURCES})
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

    if(L_SOURCES AND L_NAME STREQUAL "fluxmq")
        target_precompile_headers(fluxmq PRIVATE "${PROJECT_SOURCE_DIR}/cmake/pch.hpp")
    elseif(L_SOURCES)
        target_precompile_headers(${L_NAME} REUSE_FROM fluxmq)
    endif()

    if(L_INCLUDE)
        target_include_directories(${L_NAME} ${scope}
            "$<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/${L_INCLUDE}>"
            "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
        set_property(GLOBAL APPEND PROPERTY FLUXLIB_INCLUDE_DIRS "${CMAKE_CURRENT_SOURCE_DIR}/${L_INCLUDE}")
        install(DIRECTORY "${L_INCLUDE}/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp")
    endif()
    if(L_COMPONENT)
        install(TARGETS ${L_NAME} EXPORT fluxlib-${L_COMPONENT}-targets)
        set_property(GLOBAL APPEND PROPERTY FLUXLIB_COMPONENTS ${L_COMPONENT})
    else()
        install(TARGETS ${L_NAME} EXPORT fluxlib-targets)
    endif()
endfunction()
