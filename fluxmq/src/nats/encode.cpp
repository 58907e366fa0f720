// SPDX-License-Identifier: MIT
#include <fluxmq/headers.hpp>

#include "header_block.hpp"
#include "protocol.hpp"
#include "text.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace fluxmq::nats {

namespace {

constexpr std::size_t max_digits = 20;

char* put(char* at, std::uint64_t number) noexcept { return std::to_chars(at, at + max_digits, number).ptr; }

} // namespace

void append_publish(OutBuffer& out, std::string_view subject, std::string_view reply, const Headers& headers,
                    std::string_view payload) {
    const bool with_headers = !headers.empty();
    const auto header_size = with_headers ? header_block_size(headers) : 0;
    const auto room = sizeof "HPUB     \r\n\r\n" + subject.size() + reply.size() + 2 * max_digits +
                      header_size + payload.size();
    char* at = out.prepare(room);
    at = with_headers ? put(at, "HPUB ") : put(at, "PUB ");
    at = put(at, subject);
    *at++ = ' ';
    if (!reply.empty()) {
        at = put(at, reply);
        *at++ = ' ';
    }
    if (with_headers) {
        at = put(at, header_size);
        *at++ = ' ';
    }
    at = put(at, header_size + payload.size());
    at = put(at, "\r\n");
    if (with_headers)
        at = write_header_block(at, headers);
    at = put(at, payload);
    at = put(at, "\r\n");
    out.commit(at);
}

void append_subscribe(OutBuffer& out, std::string_view subject, std::string_view queue, std::uint64_t sid) {
    char* at = out.prepare(sizeof "SUB   \r\n" + subject.size() + queue.size() + max_digits);
    at = put(at, "SUB ");
    at = put(at, subject);
    *at++ = ' ';
    if (!queue.empty()) {
        at = put(at, queue);
        *at++ = ' ';
    }
    at = put(at, sid);
    out.commit(put(at, "\r\n"));
}

void append_unsubscribe(OutBuffer& out, std::uint64_t sid, std::uint64_t after) {
    char* at = out.prepare(sizeof "UNSUB  \r\n" + 2 * max_digits);
    at = put(at, "UNSUB ");
    at = put(at, sid);
    if (after > 0) {
        *at++ = ' ';
        at = put(at, after);
    }
    out.commit(put(at, "\r\n"));
}

void append_connect(OutBuffer& out, std::string_view json) {
    out.append("CONNECT ");
    out.append(json);
    out.append("\r\n");
}

std::size_t body_size(const Headers& headers, std::string_view payload) noexcept {
    return (headers.empty() ? 0 : header_block_size(headers)) + payload.size();
}

OutFrame next_out_frame(std::string_view& out) noexcept {
    const auto line_end = out.find('\n');
    if (line_end == std::string_view::npos)
        return {std::exchange(out, {}), false};
    auto size = line_end + 1;
    const bool publish = out.starts_with("PUB ") || out.starts_with("HPUB ");
    if (publish) {
        const auto line = out.substr(0, line_end - 1);
        std::size_t body = 0;
        std::from_chars(line.data() + line.rfind(' ') + 1, line.data() + line.size(), body);
        size = std::min(size + body + 2, out.size());
    }
    const auto frame = out.substr(0, size);
    out.remove_prefix(size);
    return {frame, publish};
}

} // namespace fluxmq::nats
