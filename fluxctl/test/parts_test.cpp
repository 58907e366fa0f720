// SPDX-License-Identifier: MIT
// The parts of the commands that need no broker.
#include "arguments.hpp"
#include "format.hpp"
#include "gaps.hpp"
#include "nearest.hpp"
#include "server_address.hpp"
#include "settings.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fluxctl {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using namespace std::string_literals;
using ::testing::HasSubstr;

TEST(Arguments, a_duration_has_a_number_and_a_unit) {
    EXPECT_EQ(duration_of("500ms"), 500ms);
    EXPECT_EQ(duration_of("2s"), 2s);
    EXPECT_EQ(duration_of("1.5m"), 90s);
    for (const auto* wrong : {"", "5", "s", "-1s", "0s", "2h", "1s2", "1e99s", "nans"})
        EXPECT_THROW(duration_of(wrong), CLI::ValidationError) << wrong;
}

TEST(Arguments, headers_are_names_and_values) {
    EXPECT_EQ(headers_of({"a:b", "url: http://x", "empty:"}),
              (fluxmq::Headers{{"a", "b"}, {"url", "http://x"}, {"empty", ""}}));
    EXPECT_THROW(headers_of({"no colon"}), CLI::ValidationError);
    EXPECT_THROW(headers_of({"a name:x"}), CLI::ValidationError);
}

TEST(Arguments, a_header_leaves_the_word_after_it_alone) {
    CLI::App app;
    std::string payload;
    std::vector<std::string> headers;
    app.add_option("payload", payload);
    add_headers(app, headers);
    app.parse("-H a:1 text --header b:2");
    EXPECT_EQ(payload, "text");
    EXPECT_EQ(headers, (std::vector<std::string>{"a:1", "b:2"}));
}

TEST(Settings, pairs_make_an_object) {
    EXPECT_EQ(json::serialize(settings_of({"a=1", "b=text", "c.d=true", "c.e=\"1\"", "f=x=y", "a=2", "g="})),
              R"({"a":2,"b":"text","c":{"d":true,"e":"1"},"f":"x=y","g":""})");
    for (const auto* wrong : {"a", "=1", ".a=1", "a.=1", "a..b=1"})
        EXPECT_THROW(settings_of({wrong}), CLI::ValidationError) << wrong;
    EXPECT_THROW(settings_of({"a=1", "a.b=2"}), CLI::ValidationError);
}

TEST(Nearest, is_what_was_meant_or_nothing) {
    const std::vector<std::string> known{"ls", "start", "status", "request", "completion"};
    EXPECT_EQ(nearest("strat", known), "start");
    EXPECT_EQ(nearest("reqest", known), "request");
    EXPECT_EQ(nearest("comp", known), "completion");
    EXPECT_EQ(nearest("lss", known), "ls");
    EXPECT_EQ(nearest("xy", known), "");
    EXPECT_EQ(nearest("bicycle", known), "");
    EXPECT_EQ(nearest("", known), "");
}

TEST(ServerAddress, is_found_in_a_url) {
    const auto shown = [](std::string_view url) {
        const auto server = first_server(url);
        return server.host + ' ' + server.port;
    };
    EXPECT_EQ(shown("nats://localhost:4333"), "localhost 4333");
    EXPECT_EQ(shown("nats://me:p@ss@10.0.0.1"), "10.0.0.1 4222");
    EXPECT_EQ(shown("host:1,other:2"), "host 1");
    EXPECT_EQ(shown("tls://[::1]:5/"), "::1 5");
    EXPECT_EQ(shown("[::1]"), "::1 4222");
    EXPECT_EQ(shown(""), " 4222");
}

TEST(Gaps, have_a_mean_and_a_deviation) {
    Gaps gaps;
    for (const auto gap : {2ms, 4ms, 4ms, 4ms, 5ms, 5ms, 7ms, 9ms})
        gaps.add(gap);
    EXPECT_EQ(gaps.count(), 8u);
    EXPECT_DOUBLE_EQ(gaps.min(), 2);
    EXPECT_DOUBLE_EQ(gaps.mean(), 5);
    EXPECT_DOUBLE_EQ(gaps.max(), 9);
    EXPECT_DOUBLE_EQ(gaps.deviation(), 2);
}

TEST(Format, quantities_are_short) {
    EXPECT_EQ(format_duration(0ns), "0ns");
    EXPECT_EQ(format_duration(2500ns), "2.5us");
    EXPECT_EQ(format_duration(500ms), "500ms");
    EXPECT_EQ(format_duration(90s), "90s");
    EXPECT_EQ(format_bytes(999), "999 B");
    EXPECT_EQ(format_bytes(1500), "1.5 kB");
    EXPECT_EQ(format_bytes(2e9), "2.0 GB");
    EXPECT_EQ(format_rate(12.34), "12.3/s");
}

TEST(Format, text_is_safe_to_show) {
    for (const auto& text : {""s, "plain\n\t"s, "Grüße €"s, "\xf0\x9f\x98\x80"s})
        EXPECT_TRUE(is_text(text)) << text;
    for (const auto& bytes : {"\0"s, "\x1b[31m"s, "\xff"s, "\xc3"s, "\xc0\x80"s, "a\x7f"s, "\xc2\x9b"s,
                              "\xe2\x82"s, "\xe0\x80\x9b"s, "\xed\xa0\x80"s})
        EXPECT_FALSE(is_text(bytes)) << bytes;
}

TEST(Format, one_line_is_safe_within_a_line) {
    EXPECT_EQ(one_line(""), "");
    EXPECT_EQ(one_line("Grüße €"), "Grüße €");
    EXPECT_EQ(one_line("a\nb\tc\x1b[2J\x7f"s), "a b c [2J ");
    EXPECT_EQ(one_line("\0"s), " ");
    EXPECT_EQ(one_line("\xc2\x9b!"s), " !");
    EXPECT_EQ(one_line("\xff\xe2\x82!"s), "   !"); // no UTF-8
}

TEST(Format, a_payload_is_shown_as_what_it_is) {
    EXPECT_EQ(format_payload("text", true), "text");
    EXPECT_EQ(format_payload(R"({"a":1})", false), R"({"a":1})");
    EXPECT_EQ(format_payload(R"({"a":[],"b":{"c":[1,"x"]}})", true),
              "{\n  \"a\": [],\n  \"b\": {\n    \"c\": [\n      1,\n      \"x\"\n    ]\n  }\n}");
    EXPECT_EQ(format_payload("\x01hi"s, true),
              "binary, 3 bytes\n00000000  01 68 69" + std::string(13 * 3, ' ') + "  .hi");
    const auto long_one = format_payload(std::string(100, '\0'), true);
    EXPECT_THAT(long_one, HasSubstr("binary, 100 bytes"));
    EXPECT_TRUE(long_one.ends_with("\n...")) << long_one;
}

TEST(Format, a_message_is_json_by_what_its_payload_is) {
    const auto shown = [](std::string_view payload) {
        return json::serialize(to_json({fluxmq::Bytes::unowned("t"), fluxmq::Bytes::unowned(payload)}));
    };
    EXPECT_EQ(shown("[1]"), R"({"topic":"t","size":3,"headers":{},"json":[1]})");
    EXPECT_EQ(shown("hi"), R"({"topic":"t","size":2,"headers":{},"text":"hi"})");
    EXPECT_EQ(shown("\xff"), R"({"topic":"t","size":1,"headers":{},"hex":"ff"})");
}

TEST(Format, a_table_is_as_wide_as_its_content) {
    Table table{{"A", "LONG", "C"}};
    table.add({"größer", "x", ""});
    table.add({"a\nb", "\x1b[m", "c"});
    EXPECT_EQ(table.lines(), (std::vector<std::string>{"A       LONG  C", "größer  x", "a b      [m   c"}));
}

} // namespace
} // namespace fluxctl
