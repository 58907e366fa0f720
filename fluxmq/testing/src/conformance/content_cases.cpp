// SPDX-License-Identifier: MIT
// What a message carries: payloads and headers of any kind, long topics, and no payload beyond the limit.
#include <fluxmq/subject.hpp>

#include "cases.hpp"

namespace fluxmq::testing {

void link_content_cases() {}

TEST_P(HeaderConformance, headers_arrive_as_they_were_sent) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await transport.subscribe(name, inbox);
        const Headers headers{{"Plain", "value"},
                              {"plain", "another case"},
                              {"Plain", "again"},
                              {"Empty", ""},
                              {"Colons", "a:b:c: d"},
                              {"Spaces", "a  b"},
                              {"Utf8", "\xc3\xbc\xe2\x82\xac"},
                              {"!#$%&'*+-.^_`|~", "odd name"},
                              {"Tab", "a\tb"},
                              {"Long", std::string(5'000, 'x')}};
        transport.publish(name, "body", headers);
        transport.publish(name, "", Headers{{"Only", "headers"}});
        co_await inbox->holds(2);
        const auto messages = inbox->messages();
        EXPECT_EQ(messages[0].headers(), headers);
        EXPECT_EQ(messages[0].text(), "body");
        EXPECT_EQ(messages[0].status(), 0);
        EXPECT_EQ(messages[1].headers().get("Only"), "headers");
        EXPECT_EQ(messages[1].text(), "");
        EXPECT_EQ(kind_thrown_by([] { Headers{{"a b", "x"}}; }), errc::invalid_header);
    });
}

// The metadata of Watermill's TestPublishSubscribe.
TEST_P(HeaderConformance, each_message_keeps_its_own_headers) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        constexpr std::size_t count = 100;
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await one.subscribe(name, inbox);
        for (std::size_t i = 0; i < count; ++i) {
            Headers headers;
            for (std::size_t n = 0; n < i % 4; ++n)
                headers.add("Number", std::to_string(i + n));
            two.publish(name, std::to_string(i), headers);
        }
        co_await inbox->holds(count);
        const auto messages = inbox->messages();
        for (std::size_t i = 0; i < count; ++i) {
            const auto values = messages[i].headers().all("Number");
            EXPECT_EQ(messages[i].headers().size(), i % 4);
            EXPECT_EQ(values.size(), i % 4);
            for (std::size_t n = 0; n < values.size(); ++n)
                EXPECT_EQ(values[n], std::to_string(i + n));
            EXPECT_EQ(messages[i].text(), std::to_string(i));
        }
    });
}

TEST_P(Conformance, payloads_arrive_byte_for_byte) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await transport.subscribe(name, inbox);
        std::string every;
        for (int i = 0; i < 256; ++i)
            every += static_cast<char>(i);
        std::vector<std::string> payloads{"",
                                          "\r\n",
                                          every,
                                          "PING\r\nMSG a 1 1\r\n",
                                          std::string(70'000, '\0'),
                                          std::string(65'536, 'x'),
                                          std::string(300'000, '\n')};
        // Around powers of two, where buffers end.
        for (const std::size_t size : {1, 127, 128, 255, 256, 4'095, 4'096, 4'097, 65'535, 65'537})
            payloads.push_back(std::string(size, '\xff'));
        for (const auto& payload : payloads)
            transport.publish(name, payload);
        co_await inbox->holds(payloads.size());
        const auto texts = inbox->texts();
        for (std::size_t i = 0; i < payloads.size(); ++i) // too long to be printed
            EXPECT_TRUE(texts[i] == payloads[i]) << "payload " << i << ", " << payloads[i].size()
                                                 << " bytes, " << texts[i].size() << " arrived";
    });
}

TEST_P(PayloadLimitConformance, takes_payloads_up_to_its_limit_and_names_one_beyond) {
    with_transport([this](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await transport.subscribe(name, inbox);
        const std::string largest(transport.max_payload(), 'x');
        transport.publish(name, largest);
        co_await inbox->holds(1);
        EXPECT_EQ(inbox->last().payload().size(), largest.size());
        EXPECT_TRUE(inbox->last().text() == largest);
        const auto before = transport.counters();
        std::uint64_t refused = 1;
        try {
            transport.publish(name, largest + "x");
            ADD_FAILURE() << "accepted";
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), errc::payload_too_large);
            EXPECT_EQ(error.topic(), name);
            EXPECT_NE(error.detail().find(std::to_string(largest.size())), std::string::npos) << error.what();
            EXPECT_NE(error.detail().find(std::to_string(largest.size() + 1)), std::string::npos)
                << error.what();
            EXPECT_FALSE(error.retryable());
        }
        if (declares(Capability::headers)) {
            EXPECT_EQ(kind_thrown_by([&] { transport.publish(name, largest, Headers{{"a", "b"}}); }),
                      errc::payload_too_large);
            ++refused;
        }
        EXPECT_EQ(kind_thrown_by([&] { transport.publisher(name)->publish(largest + "x"); }),
                  errc::payload_too_large);
        ++refused;
        if (declares(Capability::requests)) {
            const auto failure = co_await failure_of(transport.request(name, largest + "x"));
            EXPECT_TRUE(failure && failure->kind() == errc::payload_too_large);
            ++refused;
        }
        EXPECT_EQ(transport.counters().published, before.published);
        EXPECT_EQ(transport.counters().rejected, before.rejected + refused);
        co_await transport.flush();
        EXPECT_EQ(inbox->size(), 1u);
    });
}

TEST_P(Conformance, takes_the_longest_topics) {
    with_transport([this](Transport& transport) -> Task<> {
        const std::string name = topic(std::string(max_subject_size - 40, 'x'));
        const std::string reply = topic(std::string(max_subject_size - 40, 'y'));
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await transport.subscribe(name, inbox);
        Headers headers;
        if (declares(Capability::headers))
            headers.add("a", "b");
        transport.publish(name, "x", headers, reply);
        co_await inbox->holds(1);
        EXPECT_EQ(inbox->last().topic(), name);
        EXPECT_EQ(inbox->last().reply(), reply);
        EXPECT_EQ(inbox->last().headers(), headers);
    });
}

} // namespace fluxmq::testing
