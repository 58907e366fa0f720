# fluxlib_example(NAME name SOURCES ... [BROKER] [WITH program ...] [ARGS ...] [EXPECT regex ...])
#
# A program that ctest runs where EXPECT is given: it must exit 0 and print a line for each regex, in that
# order. BROKER starts a nats-server of its own and sets NATS_URL; WITH names programs to run beside it.
function(fluxlib_example)
    cmake_parse_arguments(PARSE_ARGV 0 E "BROKER" "NAME" "SOURCES;WITH;ARGS;EXPECT")
    add_executable(${E_NAME} ${E_SOURCES})
    target_link_libraries(${E_NAME} PRIVATE fluxlib::fluxlib fluxlib::fluxlib_testing)
    target_precompile_headers(${E_NAME} REUSE_FROM fluxmq)
    if(NOT E_EXPECT OR NOT FLUXLIB_BUILD_TESTS)
        return()
    endif()

    set(options "")
    set(label unit)
    if(E_BROKER)
        set(options --broker)
        set(label broker)
    endif()
    foreach(program IN LISTS E_WITH)
        list(APPEND options --with "$<TARGET_FILE:${program}>")
    endforeach()
    foreach(regex IN LISTS E_EXPECT)
        list(APPEND options --expect "${regex}")
    endforeach()
    add_test(NAME example.${E_NAME}
        COMMAND "${PROJECT_SOURCE_DIR}/scripts/run-example.sh" ${options} -- "$<TARGET_FILE:${E_NAME}>" ${E_ARGS})
    set_tests_properties(example.${E_NAME} PROPERTIES TIMEOUT 120 LABELS "example;${label}")
endfunction()
