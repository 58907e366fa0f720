# fluxlib_fuzz(REPLAY name TEST source LIBS ... SOURCES ...)
#
# Fuzz targets: each fuzz/NAME.cpp of SOURCES has a function fuzz_NAME, and a folder fuzz/corpus/NAME of seeds.
# With FLUXLIB_BUILD_FUZZ each becomes a libFuzzer program fuzz_NAME; with FLUXLIB_BUILD_TESTS the test program
# REPLAY, whose own source is TEST, runs all of them over their seeds.
function(fluxlib_fuzz)
    cmake_parse_arguments(PARSE_ARGV 0 F "" "REPLAY;TEST" "LIBS;SOURCES")
    if(FLUXLIB_BUILD_FUZZ)
        foreach(source IN LISTS F_SOURCES)
            cmake_path(GET source STEM name)
            add_executable(fuzz_${name} ${source})
            target_compile_definitions(fuzz_${name} PRIVATE FLUXLIB_FUZZ_TARGET=fuzz_${name})
            target_include_directories(fuzz_${name} PRIVATE src)
            target_link_libraries(fuzz_${name} PRIVATE ${F_LIBS} fluxlib_fuzz_support fluxlib_fuzz_entry)
            set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/targets")
        endforeach()
    endif()
    if(FLUXLIB_BUILD_TESTS)
        fluxlib_test(NAME ${F_REPLAY} LABEL unit LIBS ${F_LIBS} fluxlib_fuzz_support
            SOURCES ${F_SOURCES} ${F_TEST})
        target_compile_definitions(${F_REPLAY} PRIVATE
            FLUXLIB_FUZZ_CORPUS="${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus")
    endif()
endfunction()
