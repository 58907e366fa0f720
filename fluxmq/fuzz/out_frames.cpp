// SPDX-License-Identifier: MIT
// What the encoder has written is cut into the frames that it was; an independent reading finds in each what
// was given.
#include <fluxmq/headers.hpp>

#include "target.hpp"

#include <nats/header_block.hpp>
#include <nats/protocol.hpp>

#include <cstdint>
#include <string>
#include <vector>

using fluxmq::Headers;
using fluxmq::fuzz::require;
using fluxmq::fuzz::Source;
using namespace fluxmq::nats;

namespace {

// Subjects, queues and names of headers: any printable bytes but colons.
std::string word(Source& source) {
    std::string word{source.text()};
    for (char& c : word)
        c = static_cast<char>(static_cast<unsigned char>(c) <= ' ' || c == ':' || c == 0x7f ? '_' : c);
    return word;
}

std::string words(Source& source) {
    std::string words{source.text()};
    for (char& c : words)
        if (c == '\r' || c == '\n')
            c = ' ';
    return words;
}

std::string non_empty(std::string text) { return text.empty() ? "x" : text; }

std::string block_of(const Headers& headers) {
    if (headers.empty())
        return {};
    std::string block(header_block_size(headers), '?');
    write_header_block(block.data(), headers);
    return block;
}

std::string publish(OutBuffer& out, Source& source) {
    const auto subject = non_empty(word(source));
    const auto reply = word(source);
    const std::string payload{source.text()};
    Headers headers;
    for (auto count = source.byte() % 4; count > 0; --count) {
        auto name = non_empty(word(source));
        headers.add(std::move(name), words(source));
    }
    const auto block = block_of(headers);
    require(body_size(headers, payload) == block.size() + payload.size(),
            "body_size() is the size of the body");
    append_publish(out, subject, reply, headers, payload);
    return (headers.empty() ? "PUB " : "HPUB ") + subject + ' ' + (reply.empty() ? "" : reply + ' ') +
           (headers.empty() ? "" : std::to_string(block.size()) + ' ') +
           std::to_string(block.size() + payload.size()) + "\r\n" + block + payload + "\r\n";
}

std::uint64_t number(Source& source) {
    std::uint64_t number = 0;
    for (auto bytes = source.byte() % 9; bytes > 0; --bytes)
        number = number << 8 | source.byte();
    return number;
}

// Writes one frame; gives what it should be.
std::string write(OutBuffer& out, Source& source) {
    switch (source.byte() % 8) {
    case 0: append_ping(out); return "PING\r\n";
    case 1: append_pong(out); return "PONG\r\n";
    case 2: {
        const auto json = words(source);
        append_connect(out, json);
        return "CONNECT " + json + "\r\n";
    }
    case 3: {
        const auto subject = non_empty(word(source));
        const auto queue = word(source);
        const auto sid = number(source);
        append_subscribe(out, subject, queue, sid);
        return "SUB " + subject + ' ' + (queue.empty() ? "" : queue + ' ') + std::to_string(sid) + "\r\n";
    }
    case 4: {
        const auto sid = number(source);
        const auto after = number(source);
        append_unsubscribe(out, sid, after);
        return "UNSUB " + std::to_string(sid) + (after > 0 ? ' ' + std::to_string(after) : "") + "\r\n";
    }
    default: return publish(out, source);
    }
}

} // namespace

void fuzz_out_frames(std::string_view input) {
    Source source{input};
    OutBuffer out;
    std::vector<std::string> frames;
    while (!source.empty())
        frames.push_back(write(out, source));
    auto rest = out.view();
    for (const auto& frame : frames) {
        const auto cut = next_out_frame(rest);
        require(cut.bytes == frame, "the first frame is cut off as it was written");
        require(cut.publish == (frame.starts_with("PUB ") || frame.starts_with("HPUB ")),
                "messages are told from other frames");
    }
    require(rest.empty(), "there are no more frames than were written");
}
