// SPDX-License-Identifier: MIT
#include <fluxmq/outgoing_headers.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace fluxmq {
namespace {

Headers outgoing(const Headers& inherited, const Headers& own) {
    const OutgoingHeaders headers{inherited, own};
    return headers.get();
}

TEST(OutgoingHeaders, the_explicit_ones_win) {
    const Headers inherited{{"trace", "t1"}, {"kind", "old"}};
    const Headers own{{"kind", "new"}, {"own", "1"}};
    EXPECT_EQ(outgoing(inherited, own), (Headers{{"trace", "t1"}, {"kind", "new"}, {"own", "1"}}));
    EXPECT_EQ(outgoing(inherited, {}), inherited);
    EXPECT_EQ(outgoing({}, own), own);
    EXPECT_EQ(outgoing(own, own), own);
    EXPECT_EQ(outgoing({}, {}), Headers{});
}

TEST(OutgoingHeaders, what_is_about_one_message_does_not_travel_in_whatever_case_its_name_is) {
    for (const char* name :
         {"Nats-Msg-Id", "nats-expected-stream", "NATS-TTL", "Nats-", "KV-Operation", "kv-operation", "ce-id",
          "CE-Id", "_watermill_message_uuid", "_WATERMILL_Message_UUID", "Flux-Replica"}) {
        EXPECT_FALSE(OutgoingHeaders::travels(name)) << name;
        EXPECT_EQ(outgoing({{name, "1"}, {"trace", "t"}}, {}), (Headers{{"trace", "t"}})) << name;
        EXPECT_EQ(outgoing({{name, "1"}}, {}), Headers{}) << name;
        EXPECT_EQ(outgoing({{name, "1"}}, {{"own", "2"}}), (Headers{{"own", "2"}})) << name;
    }
    for (const char* name : {"traceparent", "Nats", "nats_id", "X-Nats-Id", "KV-Operations", "KV-Operatio",
                             "ce-ids", "ce-type", "ce_id", "watermill_message_uuid", "\x7fwatermill", "i"})
        EXPECT_TRUE(OutgoingHeaders::travels(name)) << name;
}

TEST(OutgoingHeaders, an_explicit_one_is_sent_whatever_its_name_is) {
    const Headers inherited{{"Nats-Msg-Id", "old"}, {"ce-id", "old"}};
    const Headers own{{"Nats-Msg-Id", "new"}};
    EXPECT_EQ(outgoing(inherited, own), own);
    EXPECT_EQ(outgoing({}, own), own);
}

TEST(OutgoingHeaders, several_values_of_one_name_are_folded_into_one) {
    const Headers repeated{{"a", "1"}, {"b", "x"}, {"a", ""}, {"a", "2, 3"}, {"A", "4"}};
    const Headers folded{{"a", "1, , 2, 3"}, {"b", "x"}, {"A", "4"}};
    EXPECT_EQ(outgoing(repeated, {}), folded);
    EXPECT_EQ(outgoing({}, repeated), folded);
    EXPECT_EQ(outgoing(repeated, repeated), folded);
    EXPECT_EQ(outgoing(repeated, {{"b", "y"}, {"b", "z"}}),
              (Headers{{"a", "1, , 2, 3"}, {"A", "4"}, {"b", "y, z"}}));
}

TEST(OutgoingHeaders, what_can_be_sent_as_it_is_is_not_copied) {
    const Headers inherited{{"trace", "t"}, {"Trace", "t"}, {"c", "1"}};
    const Headers own{{"Nats-Msg-Id", "1"}, {"b", "2"}};
    const Headers none;
    EXPECT_EQ(&(OutgoingHeaders{inherited, none}.get()), &inherited);
    EXPECT_EQ(&(OutgoingHeaders{none, own}.get()), &own);
}

TEST(OutgoingHeaders, many_names_take_no_time_that_grows_with_their_square) {
    constexpr int count = 100'000; // two each: comparing all with all would take minutes
    Headers many;
    Headers folded;
    for (int i = 0; i < count; ++i)
        many.add("n" + std::to_string(i), "1");
    EXPECT_TRUE(outgoing(many, {}) == many);
    for (int i = 0; i < count; ++i) {
        many.add("n" + std::to_string(i), "2");
        folded.add("n" + std::to_string(i), "1, 2");
    }
    EXPECT_TRUE(outgoing(many, {}) == folded);
    EXPECT_TRUE(outgoing({}, many) == folded);
    EXPECT_TRUE(outgoing(many, many) == folded);
}

TEST(OutgoingHeaders, the_same_comes_out_for_few_names_and_for_many) {
    for (int count = 14; count <= 19; ++count) {
        Headers inherited{{"ce-id", "1"}, {"twice", "a"}, {"own", "old"}};
        Headers expected{{"twice", "a, b"}};
        for (int i = 0; i < count; ++i) {
            inherited.add("n" + std::to_string(i), "x");
            expected.add("n" + std::to_string(i), "x");
        }
        inherited.add("twice", "b");
        expected.add("own", "new");
        EXPECT_EQ(outgoing(inherited, {{"own", "new"}}), expected) << count;
    }
}

} // namespace
} // namespace fluxmq
