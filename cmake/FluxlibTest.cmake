# fluxlib_test(NAME name SOURCES ... LABEL unit|broker [LIBS ...])
#
# A GoogleTest program; each of its tests is one ctest test. LABEL broker is for tests that start a server.
include(GoogleTest)

function(fluxlib_test)
    cmake_parse_arguments(PARSE_ARGV 0 T "" "NAME;LABEL" "SOURCES;LIBS")
    if(NOT T_LABEL MATCHES "^(unit|broker)$")
        message(FATAL_ERROR "fluxlib_test(${T_NAME}): LABEL must be unit or broker, not '${T_LABEL}'")
    endif()
    add_executable(${T_NAME} ${T_SOURCES})
    target_link_libraries(${T_NAME} PRIVATE ${T_LIBS} GTest::gmock_main)
    # Tests, unlike test kits, may look inside: logic without I/O is tested by its own header.
    target_include_directories(${T_NAME} PRIVATE src testing/src)
    fluxlib_test_pch()
    target_precompile_headers(${T_NAME} REUSE_FROM fluxlib_test_pch)
    # Where the libraries are built in batches (presets asan, tsan): helpers of two tests may have the same name.
    set_target_properties(${T_NAME} PROPERTIES UNITY_BUILD OFF)
    gtest_discover_tests(${T_NAME}
        DISCOVERY_MODE PRE_TEST
        DISCOVERY_TIMEOUT 60
        TEST_PREFIX "${T_NAME}."
        PROPERTIES TIMEOUT 120 LABELS ${T_LABEL}
            # where Debian keeps nats-server, and where an ordinary user's PATH does not look
            ENVIRONMENT_MODIFICATION "PATH=path_list_append:/usr/sbin")
endfunction()

# One precompiled header for all test programs.
function(fluxlib_test_pch)
    if(TARGET fluxlib_test_pch)
        return()
    endif()
    set(source "${PROJECT_BINARY_DIR}/test_pch.cpp")
    file(CONFIGURE OUTPUT "${source}" CONTENT "// only carries the precompiled header\n")
    add_library(fluxlib_test_pch OBJECT "${source}")
    target_link_libraries(fluxlib_test_pch PRIVATE fluxlib::fluxmq GTest::gmock)
    target_precompile_headers(fluxlib_test_pch PRIVATE
        "${PROJECT_SOURCE_DIR}/cmake/pch.hpp" <gmock/gmock.h> <gtest/gtest.h>)
endfunction()
