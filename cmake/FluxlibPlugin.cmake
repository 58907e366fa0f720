# Node plugins and the programs that load them; for this project, and for those that find_package(fluxlib).
#
# fluxlib_plugin(NAME name SOURCES ... [LIBS ...])
#     A shared library with nodes. It is compiled against fluxlib and links none of it: it uses that of the program
#     that loads it, so that both have one. LIBS are what it needs besides.
# fluxlib_plugin_host(target)
#     A program that loads plugins: it contains all of fluxlib and fluxmq, and exports them.
include_guard()

function(fluxlib_plugin)
    cmake_parse_arguments(PARSE_ARGV 0 P "" "NAME" "SOURCES;LIBS")
    add_library(${P_NAME} MODULE ${P_SOURCES})
    target_include_directories(${P_NAME} PRIVATE
        "$<TARGET_PROPERTY:fluxlib::fluxlib,INTERFACE_INCLUDE_DIRECTORIES>")
    target_compile_definitions(${P_NAME} PRIVATE
        "$<TARGET_PROPERTY:fluxlib::fluxlib,INTERFACE_COMPILE_DEFINITIONS>")
    target_compile_features(${P_NAME} PRIVATE cxx_std_20)
    target_link_libraries(${P_NAME} PRIVATE ${P_LIBS})
    if(TARGET fluxlib)
        add_dependencies(${P_NAME} fluxlib) # for its generated header
    endif()
endfunction()

function(fluxlib_plugin_host target)
    # Items are named as their users link them: in this project without a namespace.
    set_target_properties(${target} PROPERTIES
        ENABLE_EXPORTS ON
        LINK_LIBRARY_OVERRIDE_fluxlib WHOLE_ARCHIVE
        LINK_LIBRARY_OVERRIDE_fluxmq WHOLE_ARCHIVE
        LINK_LIBRARY_OVERRIDE_fluxlib::fluxlib WHOLE_ARCHIVE
        LINK_LIBRARY_OVERRIDE_fluxlib::fluxmq WHOLE_ARCHIVE)
    target_link_libraries(${target} PRIVATE fluxlib::fluxlib)
endfunction()
