# The demo in all its modes. demo_test(name label [option of run-example.sh]... -- [argument of the demo]...)
function(demo_test name label)
    list(FIND ARGN -- separator)
    list(SUBLIST ARGN 0 ${separator} options)
    math(EXPR separator "${separator} + 1")
    list(SUBLIST ARGN ${separator} -1 arguments)
    add_test(NAME example.demo_${name}
        COMMAND "${PROJECT_SOURCE_DIR}/scripts/run-example.sh" ${options} -- "$<TARGET_FILE:demo>" ${arguments})
    set_tests_properties(example.demo_${name} PROPERTIES TIMEOUT 120 LABELS "example;${label}")
endfunction()

set(account "^account: published=[1-9][0-9]* delivered=[1-9][0-9]* dropped=0 pending=0$")
set(load_run
    --expect "node source +created" --expect "service demo +READY" --expect "node sink +started"
    --expect " s  cpu [0-9.]+ %  memory [0-9.]+ MiB"
    --expect "node source +destroyed" --expect "service demo +STOPPED"
    --expect "^dropped: nothing" --expect "${account}")
# LICENSE has 21 lines: 21 texts, 21 measures, and the end twice.
set(lines_run
    --expect "^line 1: 2 words, 11 bytes: MIT License" --expect "^longest line, " --expect "^21 lines, "
    --expect "^account: published=44 delivered=44 dropped=0 pending=0$")
set(input "${PROJECT_SOURCE_DIR}/LICENSE")

demo_test(load unit ${load_run} -- --seconds 1)
demo_test(load_on_nats broker --broker ${load_run} -- --seconds 1 --transport @NATS_URL@)
demo_test(lines unit ${lines_run} -- --input "${input}")
demo_test(lines_on_nats broker --broker ${lines_run} -- --input "${input}" --transport @NATS_URL@)
demo_test(stdin unit --stdin "${input}" ${lines_run} -- --input -)
demo_test(empty_input unit --expect "^0 lines" --expect "^account: published=2 delivered=2 " -- --input -)
demo_test(missing_file unit --exit 1 --expect "^error: .*'/nonexistent/file': No such file" --
    --input /nonexistent/file)
demo_test(no_server unit --exit 1 --expect "^error: .*127.0.0.1:1: Connection refused" --
    --transport nats://127.0.0.1:1)
demo_test(wrong_url unit --exit 1 --expect "^error: invalid url" -- --transport http://localhost)
demo_test(help unit --expect "^usage: demo" --expect "--input FILE" -- --help)
demo_test(unknown_argument unit --exit 2 --expect "unknown argument '--frob'" -- --frob)
demo_test(wrong_seconds unit --exit 2 --expect "--seconds needs a number" -- --seconds soon)
