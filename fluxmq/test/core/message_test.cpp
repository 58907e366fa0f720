// SPDX-License-Identifier: MIT
#include <fluxmq/message.hpp>

#include "support.hpp"

#include <boost/describe/class.hpp>
#include <gmock/gmock.h>

namespace fluxmq {
namespace {

using test::error_of;
using test::message;
using ::testing::HasSubstr;

struct Reading {
    std::string sensor;
    double value = 0;
};
BOOST_DESCRIBE_STRUCT(Reading, (), (sensor, value))

TEST(Message, default_made_is_empty) {
    const Message empty;
    EXPECT_TRUE(empty.topic().empty());
    EXPECT_TRUE(empty.text().empty());
    EXPECT_TRUE(empty.reply().empty());
    EXPECT_TRUE(empty.headers().empty());
    EXPECT_EQ(empty.shared_headers(), nullptr);
    EXPECT_EQ(empty.status(), 0);
    EXPECT_EQ(empty.status_text(), "");
    EXPECT_TRUE(empty.input().empty());
}

TEST(Message, gives_its_parts_and_shares_them_with_its_copies) {
    const auto headers = std::make_shared<const Headers>(Headers{{"k", "v"}});
    Message one{Bytes::copy("a.b"), Bytes::copy("body"), Bytes::copy("back"), headers};
    one.set_status(503, std::string{"Service Unavailable"});
    const std::string alias = "in";
    one.set_input(&alias);
    const Message copy = one;
    EXPECT_EQ(copy.topic(), "a.b");
    EXPECT_EQ(copy.text(), "body");
    EXPECT_EQ(copy.reply(), "back");
    EXPECT_EQ(copy.headers().get("k"), "v");
    EXPECT_EQ(copy.status(), 503);
    EXPECT_EQ(copy.status_text(), "Service Unavailable");
    EXPECT_EQ(copy.input(), "in");
    EXPECT_TRUE(copy.payload().shares_storage_with(one.payload()));
    EXPECT_EQ(copy.shared_headers(), headers);
}

TEST(Message, a_status_is_replaced_with_its_text_and_copies_keep_theirs) {
    auto one = message("x");
    one.set_status(409, "Consumer Deleted");
    const auto copy = one;
    one.set_status(409, "Exceeded MaxWaiting");
    EXPECT_EQ(one.status_text(), "Exceeded MaxWaiting");
    one.set_status(408);
    EXPECT_EQ(one.status(), 408);
    EXPECT_EQ(one.status_text(), "");
    EXPECT_EQ(copy.status(), 409);
    EXPECT_EQ(copy.status_text(), "Consumer Deleted");
    EXPECT_EQ(one.text(), "x");
}

TEST(Message, its_body_reads_as_json_and_as_a_type) {
    const auto reading = message(R"({"sensor":"t1","value":21.5})");
    EXPECT_EQ(reading.json().at("sensor"), "t1");
    EXPECT_EQ(reading.as<Reading>().sensor, "t1");
    EXPECT_EQ(reading.as<Reading>().value, 21.5);
    EXPECT_EQ(message("[1,2]").as<std::vector<int>>().size(), 2u);
}

TEST(Message, a_malformed_body_is_an_error_that_names_the_topic_and_the_place) {
    for (const auto& error : {error_of([] { message("{\"a\" 1}", "sensors.t1").json(); }),
                              error_of([] { message("{\"a\" 1}", "sensors.t1").as<Reading>(); })}) {
        EXPECT_EQ(error.kind(), errc::malformed_json);
        EXPECT_EQ(error.topic(), "sensors.t1");
        EXPECT_THAT(error.what(), HasSubstr("line 1, column 6"));
        EXPECT_THAT(error.what(), HasSubstr("(topic 'sensors.t1')"));
    }
}

TEST(Message, a_body_of_the_wrong_type_is_an_error_that_names_the_topic_and_the_field) {
    const auto wrong =
        error_of([] { message(R"({"sensor":"s","value":"hot"})", "sensors.t1").as<Reading>(); });
    EXPECT_EQ(wrong.kind(), errc::wrong_type);
    EXPECT_EQ(wrong.topic(), "sensors.t1");
    EXPECT_STREQ(wrong.what(), "wrong type: 'value': expected a number, got \"hot\" (topic 'sensors.t1')");
    const auto missing = error_of([] { message(R"({"sensor":"s"})", "sensors.t1").as<Reading>(); });
    EXPECT_STREQ(missing.what(), "wrong type: 'value' is missing (topic 'sensors.t1')");
}

} // namespace
} // namespace fluxmq
