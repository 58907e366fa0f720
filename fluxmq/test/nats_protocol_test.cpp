// SPDX-License-Identifier: MIT
#include <fluxmq/error.hpp>
#include <fluxmq/headers.hpp>

#include "../src/nats/header_block.hpp"
#include "../src/nats/info.hpp"
#include "../src/nats/protocol.hpp"
#include "../src/nats/read_buffer.hpp"
#include "../src/nats/slot_map.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace fluxmq;
using namespace fluxmq::nats;
using Kind = Frame::Kind;

namespace {

// A frame in words, for comparing.
std::string show(const Frame& frame) {
    switch (frame.kind) {
    case Kind::message:
        return "message " + std::string{frame.subject} + " " + std::to_string(frame.sid) + " <" +
               std::string{frame.reply} + "> [" + std::string{frame.headers} + "] " +
               std::string{frame.payload};
    case Kind::info: return "info " + std::string{frame.text};
    case Kind::ping: return "ping";
    case Kind::pong: return "pong";
    case Kind::ok: return "ok";
    case Kind::error: return "error " + std::string{frame.text};
    case Kind::malformed: return "malformed: " + explain(frame);
    case Kind::incomplete: return "incomplete";
    }
    return "?";
}

std::string parse_one(std::string_view input, const Limits& limits = {}) {
    Frame frame;
    parse(input, frame, limits);
    return show(frame);
}

std::string session() {
    using namespace std::string_literals;
    return "INFO {\"server_id\":\"X\"} \r\n+OK\r\nPING\r\nMSG a.b 7 5\r\nhello\r\nMSG a.b 7 reply.to "
           "0\r\n\r\n"
           "HMSG h 12 20 25\r\nNATS/1.0\r\nKey: v\r\n\r\nbytes\r\n"
           "HMSG h 12 r 16 16\r\nNATS/1.0 503\r\n\r\n\r\nPONG\r\n"
           "MSG bin 1 6\r\n\r\n\0\r\n\r\r\n-ERR 'Unknown Protocol Operation'\r\n"s;
}

std::vector<std::string> parse_all(std::string_view input) {
    std::vector<std::string> frames;
    Frame frame;
    while (!input.empty() && parse(input, frame) != Kind::incomplete && frame.kind != Kind::malformed) {
        frames.push_back(show(frame));
        input.remove_prefix(frame.size);
    }
    if (!input.empty())
        frames.push_back(show(frame));
    return frames;
}

std::string text_of(const OutBuffer& out) { return std::string{out.view()}; }

} // namespace

TEST(NatsProtocol, reads_each_operation) {
    EXPECT_EQ(parse_one("INFO {\"a\":1} \r\n"), "info {\"a\":1} ");
    EXPECT_EQ(parse_one("PING\r\n"), "ping");
    EXPECT_EQ(parse_one("PONG\r\n"), "pong");
    EXPECT_EQ(parse_one("+OK\r\n"), "ok");
    EXPECT_EQ(parse_one("-ERR 'Stale Connection'\r\n"), "error Stale Connection");
    EXPECT_EQ(parse_one("MSG a.b 9 5\r\nhello\r\n"), "message a.b 9 <> [] hello");
    EXPECT_EQ(parse_one("MSG a.b 9 r.t 5\r\nhello\r\n"), "message a.b 9 <r.t> [] hello");
    EXPECT_EQ(parse_one("HMSG a 9 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"), "message a 9 <> [NATS/1.0\r\n\r\n] hi");
    EXPECT_EQ(parse_one("HMSG a 9 r 12 12\r\nNATS/1.0\r\n\r\n\r\n"), "message a 9 <r> [NATS/1.0\r\n\r\n] ");
}

TEST(NatsProtocol, takes_any_case_and_any_white_space_between_arguments) {
    EXPECT_EQ(parse_one("msg a.b 9 5\r\nhello\r\n"), "message a.b 9 <> [] hello");
    EXPECT_EQ(parse_one("MSG \t a.b\t9  5 \r\nhello\r\n"), "message a.b 9 <> [] hello");
    EXPECT_EQ(parse_one("ping\r\n"), "ping");
    EXPECT_EQ(parse_one("PONG\n"), "pong");
}

TEST(NatsProtocol, a_session_split_at_every_position_gives_the_same_frames) {
    const auto whole = session();
    const auto expected = parse_all(whole);
    ASSERT_EQ(expected.size(), 10u);
    for (std::size_t split = 0; split <= whole.size(); ++split) {
        std::vector<std::string> frames;
        std::size_t taken = 0;
        for (const auto end : {split, whole.size()}) {
            Frame frame;
            while (taken < end && parse({whole.data() + taken, end - taken}, frame) != Kind::incomplete) {
                ASSERT_NE(frame.kind, Kind::malformed) << explain(frame);
                frames.push_back(show(frame));
                taken += frame.size;
            }
        }
        EXPECT_EQ(frames, expected) << "split at " << split;
    }
}

TEST(NatsProtocol, every_prefix_of_a_frame_is_incomplete) {
    const std::string frames[] = {"INFO {}\r\n",
                                  "PING\r\n",
                                  "PONG\r\n",
                                  "+OK\r\n",
                                  "-ERR 'x'\r\n",
                                  "MSG a 1 r 2\r\nhi\r\n",
                                  "HMSG a 1 12 12\r\nNATS/1.0\r\n\r\n\r\n"};
    for (const auto& frame : frames)
        for (std::size_t size = 0; size < frame.size(); ++size)
            EXPECT_EQ(parse_one(frame.substr(0, size)), "incomplete") << frame.substr(0, size);
}

TEST(NatsProtocol, says_how_large_an_incomplete_message_will_be) {
    Frame frame;
    EXPECT_EQ(parse("MSG a 1 1000\r\nhel", frame), Kind::incomplete);
    EXPECT_EQ(frame.size, 14u + 1000 + 2);
    EXPECT_EQ(parse("MSG a 1 10", frame), Kind::incomplete);
    EXPECT_EQ(frame.size, 0u);
}

TEST(NatsProtocol, says_what_is_wrong_with_what_is_not_the_protocol) {
    EXPECT_EQ(parse_one("HTTP/1.1 400 Bad Request\r\n"),
              "malformed: the server sent 'HTTP/1.1 400 Bad Request': it is no operation of the protocol");
    const char* malformed[] = {"MSG a 1\r\n",
                               "MSG a 1 r x 2\r\n\r\n",
                               "MSG a x 2\r\n",
                               "MSG a 1 -2\r\n",
                               "MSG a 1 2x\r\n",
                               "MSG a 1 99999999999999999999999\r\n",
                               "MSG a 1 18446744073709551615\r\n",
                               "MSG a 1 2\r\nhi!!\r\n",
                               "HMSG a 1 2\r\nhi\r\n",
                               "HMSG a 1 5 2\r\nhi\r\n",
                               "HMSG a 1 x 2\r\nhi\r\n",
                               "PINGS\r\n",
                               "PING now\r\n",
                               "MSGS a 1 2\r\nhi\r\n",
                               "\r\n",
                               "SSH-2.0-OpenSSH_9.2\r\n",
                               "+KO\r\n"};
    for (const auto* input : malformed)
        EXPECT_TRUE(parse_one(input).starts_with("malformed: the server sent '"))
            << input << ": " << parse_one(input);
    EXPECT_TRUE(parse_one(std::string_view{"\0\1\2", 3}).starts_with("malformed: the server sent '...'"));
}

TEST(NatsProtocol, refuses_what_would_take_too_much_memory) {
    const Limits limits{.control_line = 64, .info_line = 256, .payload = 1000};
    EXPECT_EQ(parse_one("MSG a 1 1000\r\n", limits), "incomplete");
    EXPECT_TRUE(parse_one("MSG a 1 1001\r\n", limits).ends_with("its size is over the limit"));
    EXPECT_TRUE(parse_one("MSG " + std::string(100, 'a'), limits).ends_with("the line is too long"));
    EXPECT_TRUE(parse_one("-ERR " + std::string(100, 'a'), limits).ends_with("the line is too long"));
    EXPECT_EQ(parse_one("INFO " + std::string(100, 'a'), limits), "incomplete");
    EXPECT_TRUE(parse_one("INFO " + std::string(300, 'a'), limits).ends_with("the line is too long"));
    EXPECT_TRUE(parse_one("MSG a 1 67108865\r\n").ends_with("its size is over the limit"));
}

TEST(NatsProtocol, writes_each_operation) {
    OutBuffer out;
    append_connect(out, "{}");
    append_publish(out, "a", "", {}, "");
    append_publish(out, "a", "r", {}, "hi");
    append_publish(out, "a", "", Headers{{"K", "v"}}, "hi");
    append_publish(out, "a", "r", Headers{{"K", "v"}, {"K", ""}}, "");
    append_subscribe(out, "a.*", "", 1);
    append_subscribe(out, "a.>", "q", 22);
    append_unsubscribe(out, 1);
    append_unsubscribe(out, 1, 5);
    append_ping(out);
    append_pong(out);
    EXPECT_EQ(text_of(out), "CONNECT {}\r\n"
                            "PUB a 0\r\n\r\n"
                            "PUB a r 2\r\nhi\r\n"
                            "HPUB a 18 20\r\nNATS/1.0\r\nK: v\r\n\r\nhi\r\n"
                            "HPUB a r 23 23\r\nNATS/1.0\r\nK: v\r\nK: \r\n\r\n\r\n"
                            "SUB a.* 1\r\n"
                            "SUB a.> q 22\r\n"
                            "UNSUB 1\r\n"
                            "UNSUB 1 5\r\n"
                            "PING\r\nPONG\r\n");
}

TEST(NatsProtocol, cuts_its_own_output_into_frames) {
    OutBuffer out;
    append_subscribe(out, "a", "", 1);
    append_publish(out, "a", "", {}, "PUB x 3\r\n\r\n");
    append_ping(out);
    append_publish(out, "b", "r", Headers{{"K", "v"}}, "body");
    auto rest = out.view();
    std::vector<std::string> publishes;
    int others = 0;
    while (!rest.empty()) {
        const auto frame = next_out_frame(rest);
        if (frame.publish)
            publishes.emplace_back(frame.bytes);
        else
            ++others;
    }
    EXPECT_EQ(others, 2);
    EXPECT_EQ(publishes, (std::vector<std::string>{"PUB a 11\r\nPUB x 3\r\n\r\n\r\n",
                                                   "HPUB b r 18 22\r\nNATS/1.0\r\nK: v\r\n\r\nbody\r\n"}));
}

TEST(NatsProtocol, shows_bytes_as_text_that_can_be_printed) {
    EXPECT_EQ(printable("a\r\n\x01\xff"), "a....");
    EXPECT_EQ(printable(std::string(100, 'a')), std::string(64, 'a') + "...");
}

TEST(NatsHeaderBlock, reads_what_it_writes) {
    const Headers headers{{"Name", "value"},  {"name", "other case"}, {"Name", "twice"},
                          {"Empty", ""},      {"Colon", "a:b: c"},    {"Utf8", "gr\xc3\xbc\xc3\x9f"},
                          {"Trailing", "x  "}};
    std::string block(header_block_size(headers), '?');
    EXPECT_EQ(write_header_block(block.data(), headers), block.data() + block.size());
    Headers read;
    HeaderStatus status;
    ASSERT_TRUE(read_header_block(block, read, status));
    EXPECT_EQ(read, headers);
    EXPECT_EQ(status.code, 0);
}

TEST(NatsHeaderBlock, reads_the_status_of_its_first_line) {
    Headers headers;
    HeaderStatus status;
    ASSERT_TRUE(read_header_block("NATS/1.0 503\r\n\r\n", headers, status));
    EXPECT_EQ(status.code, 503);
    EXPECT_EQ(status.description, "");
    ASSERT_TRUE(read_header_block("NATS/1.0 100 Idle Heartbeat\r\nA: b\r\n\r\n", headers, status));
    EXPECT_EQ(status.code, 100);
    EXPECT_EQ(status.description, "Idle Heartbeat");
    EXPECT_EQ(headers.get("A"), "b");
    ASSERT_TRUE(read_header_block("NATS/1.0503 x\r\n\r\n", headers, status));
    EXPECT_EQ(status.code, 503);
    EXPECT_EQ(status.description, "x");
    ASSERT_TRUE(read_header_block("NATS/1.0  409 \t Consumer Deleted \t\r\n\r\n", headers, status));
    EXPECT_EQ(status.code, 409);
    EXPECT_EQ(status.description, "Consumer Deleted");
    ASSERT_TRUE(read_header_block("NATS/1.0 404 \r\n\r\n", headers, status));
    EXPECT_EQ(status.code, 404);
    EXPECT_EQ(status.description, "");
    ASSERT_TRUE(read_header_block("NATS/1.0 5x3\r\n\r\n", headers, status));
    EXPECT_EQ(status.code, 0);
    EXPECT_EQ(status.description, "");
}

TEST(NatsHeaderBlock, takes_what_it_can_of_an_odd_block) {
    Headers headers;
    HeaderStatus status;
    ASSERT_TRUE(read_header_block(
        "NATS/1.0\r\nno colon\r\n: no name\r\nbad name: x\r\nGood:x\r\nSpaced:  \t y", headers, status));
    EXPECT_EQ(headers, (Headers{{"Good", "x"}, {"Spaced", "y"}}));
    Headers before_the_end;
    ASSERT_TRUE(read_header_block("NATS/1.0\r\nA: 1\r\n\r\nB: 2\r\n\r\n", before_the_end, status));
    EXPECT_EQ(before_the_end, (Headers{{"A", "1"}}));
    EXPECT_FALSE(read_header_block("HTTP/1.1 200\r\n\r\n", headers, status));
    EXPECT_FALSE(read_header_block("", headers, status));
    EXPECT_TRUE(read_header_block("NATS/1.0", headers, status));
}

TEST(NatsInfo, reads_what_is_used_and_keeps_defaults_for_what_is_odd) {
    const auto info = parse_info(R"({"server_id":"S","server_name":"n","version":"2.9.10","max_payload":2048,
        "headers":true,"auth_required":true,"tls_required":"yes","unknown":[1,2]})");
    EXPECT_EQ(info.name, "n");
    EXPECT_EQ(info.version, "2.9.10");
    EXPECT_EQ(info.max_payload, 2048u);
    EXPECT_TRUE(info.headers);
    EXPECT_FALSE(info.tls_required);
    EXPECT_EQ(parse_info(R"({"max_payload":-1})").max_payload, std::size_t{1} << 20);
    EXPECT_THROW(parse_info("[]"), Error);
    EXPECT_THROW(parse_info("{"), Error);
}

namespace {

void feed(ReadBuffer& buffer, std::string_view bytes, std::size_t frame_size = 0) {
    const auto [room, size] = buffer.prepare(frame_size);
    ASSERT_GE(size, bytes.size());
    std::copy(bytes.begin(), bytes.end(), room);
    buffer.commit(bytes.size());
}

} // namespace

TEST(NatsReadBuffer, is_written_again_from_its_start_when_no_slice_is_left) {
    ReadBuffer buffer;
    feed(buffer, "hello");
    const auto* start = buffer.unread().data();
    buffer.consume(5);
    feed(buffer, "again");
    EXPECT_EQ(buffer.unread().data(), start);
}

TEST(NatsReadBuffer, never_writes_where_a_slice_is) {
    ReadBuffer buffer;
    feed(buffer, "first");
    const auto kept = buffer.slice(buffer.unread());
    buffer.consume(5);
    std::vector<Bytes> slices;
    for (int i = 0; i < 100; ++i) {
        feed(buffer, std::string(4000, static_cast<char>('a' + i % 26)));
        slices.push_back(buffer.slice(buffer.unread()));
        buffer.consume(4000);
    }
    EXPECT_EQ(kept.view(), "first");
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(slices[static_cast<std::size_t>(i)].view(),
                  std::string(4000, static_cast<char>('a' + i % 26)));
}

TEST(NatsReadBuffer, carries_an_unfinished_frame_over_to_the_next_storage) {
    ReadBuffer buffer;
    feed(buffer, std::string(ReadBuffer::usual_capacity - 100, 'x'));
    const auto kept = buffer.slice(buffer.unread().substr(0, 10));
    buffer.consume(ReadBuffer::usual_capacity - 110);
    feed(buffer, "tail");
    EXPECT_EQ(buffer.unread(), std::string(10, 'x') + "tail");
    EXPECT_EQ(kept.view(), std::string(10, 'x'));
}

TEST(NatsReadBuffer, gives_a_large_frame_storage_of_its_own_size) {
    ReadBuffer buffer;
    feed(buffer, "MSG big 1 200000\r\n");
    const std::size_t frame = 18 + 200'000 + 2;
    const auto [room, size] = buffer.prepare(frame);
    EXPECT_EQ(size, frame - 18);
    std::fill(room, room + size, 'z');
    buffer.commit(size);
    const auto all = buffer.slice(buffer.unread());
    EXPECT_EQ(all.size(), frame);
    EXPECT_EQ(all.pinned(), frame);
    buffer.consume(frame);
    EXPECT_EQ(buffer.prepare(0).second, ReadBuffer::usual_capacity);
}

TEST(NatsSlotMap, does_not_give_an_id_twice) {
    SlotMap<int> map{2};
    const auto first = map.insert(1);
    EXPECT_EQ(first, 2u);
    EXPECT_EQ(map.erase(first), 1);
    const auto second = map.insert(2);
    EXPECT_NE(second, first);
    EXPECT_EQ(map.find(first), nullptr);
    ASSERT_NE(map.find(second), nullptr);
    EXPECT_EQ(*map.find(second), 2);
    EXPECT_EQ(map.erase(first), std::nullopt);
    EXPECT_EQ(map.find(0), nullptr);
    EXPECT_EQ(map.find(1), nullptr);
    EXPECT_EQ(map.find(12345), nullptr);
    EXPECT_EQ(map.size(), 1u);
}
