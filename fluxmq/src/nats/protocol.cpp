// SPDX-License-Identifier: MIT
#include "protocol.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace fluxmq::nats {

namespace {

using Kind = Frame::Kind;

constexpr std::size_t shown_bytes = 64;

Kind malformed(Frame& frame, std::string_view seen, const char* problem) noexcept {
    frame.text = seen.substr(0, shown_bytes + 1); // one more shows that it goes on
    frame.problem = problem;
    return frame.kind = Kind::malformed;
}

Kind incomplete(Frame& frame, std::size_t size = 0) noexcept {
    frame.size = size;
    return frame.kind = Kind::incomplete;
}

bool is_space(char c) noexcept { return c == ' ' || c == '\t'; }

char upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; }

// At most 18 digits, so that it cannot overflow.
bool read_number(std::string_view text, std::uint64_t& number) noexcept {
    if (text.empty() || text.size() > 18)
        return false;
    std::uint64_t value = 0;
    for (const char c : text) {
        const auto digit = static_cast<unsigned>(static_cast<unsigned char>(c)) - '0';
        if (digit > 9)
            return false;
        value = value * 10 + digit;
    }
    number = value;
    return true;
}

// The line without its end, and the bytes it takes with it.
struct Line {
    std::string_view text;
    std::size_t size = 0;
    bool complete = false;
};

Line find_line(std::string_view input, std::size_t limit) noexcept {
    const auto* end =
        static_cast<const char*>(std::memchr(input.data(), '\n', std::min(input.size(), limit)));
    if (!end)
        return {};
    const auto length = static_cast<std::size_t>(end - input.data());
    const auto text = length > 0 && input[length - 1] == '\r' ? length - 1 : length;
    return {input.substr(0, text), length + 1, true};
}

Kind parse_message(std::string_view input, std::size_t op_size, bool with_headers, Frame& frame,
                   const Limits& limits) noexcept {
    const auto line = find_line(input, limits.control_line);
    if (!line.complete) {
        if (input.size() >= limits.control_line)
            return malformed(frame, input, "the line is too long");
        return incomplete(frame);
    }

    // subject sid [reply] [header bytes] bytes
    std::array<std::string_view, 6> args;
    std::size_t count = 0;
    const char* at = line.text.data() + op_size;
    const char* const end = line.text.data() + line.text.size();
    for (;;) {
        while (at != end && is_space(*at))
            ++at;
        if (at == end || count == args.size())
            break;
        const char* const start = at;
        while (at != end && !is_space(*at))
            ++at;
        args[count++] = {start, static_cast<std::size_t>(at - start)};
    }
    const std::size_t fewest = with_headers ? 4 : 3;
    if (count != fewest && count != fewest + 1)
        return malformed(frame, line.text, "it has the wrong number of arguments");

    std::uint64_t header_size = 0;
    std::uint64_t body_size = 0;
    if (!read_number(args[1], frame.sid))
        return malformed(frame, line.text, "its subscription id is not a number");
    if (!read_number(args[count - 1], body_size))
        return malformed(frame, line.text, "its size is not a number");
    if (with_headers && !read_number(args[count - 2], header_size))
        return malformed(frame, line.text, "its header size is not a number");
    if (body_size > limits.payload)
        return malformed(frame, line.text, "its size is over the limit");
    if (header_size > body_size)
        return malformed(frame, line.text, "its headers are larger than the whole");

    const auto body = static_cast<std::size_t>(body_size);
    const auto size = line.size + body + 2;
    if (input.size() < size)
        return incomplete(frame, size);
    if (input[size - 2] != '\r' || input[size - 1] != '\n')
        return malformed(frame, line.text, "no line end follows its payload");

    const auto header = static_cast<std::size_t>(header_size);
    frame.size = size;
    frame.subject = args[0];
    frame.reply = count == fewest ? std::string_view{} : args[2];
    frame.headers = input.substr(line.size, header);
    frame.payload = input.substr(line.size + header, body - header);
    return frame.kind = Kind::message;
}

struct Op {
    std::string_view name;
    Kind kind;
    bool has_arguments;
};

constexpr Op ops[] = {
    {"MSG", Kind::message, true}, {"HMSG", Kind::message, true}, {"PING", Kind::ping, false},
    {"PONG", Kind::pong, false},  {"INFO", Kind::info, true},    {"+OK", Kind::ok, false},
    {"-ERR", Kind::error, true},
};

std::string_view without_quotes(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.back()))
        text.remove_suffix(1);
    if (text.size() >= 2 && text.front() == '\'' && text.back() == '\'')
        text = text.substr(1, text.size() - 2);
    return text;
}

Kind parse_line(std::string_view input, const Op& op, Frame& frame, const Limits& limits) noexcept {
    const auto limit = op.kind == Kind::info ? limits.info_line : limits.control_line;
    const auto line = find_line(input, limit);
    if (!line.complete) {
        if (input.size() >= limit)
            return malformed(frame, input, "the line is too long");
        return incomplete(frame);
    }
    auto rest = line.text.substr(std::min(op.name.size(), line.text.size()));
    while (!rest.empty() && is_space(rest.front()))
        rest.remove_prefix(1);
    if (!op.has_arguments && !rest.empty())
        return malformed(frame, line.text, "it has the wrong number of arguments");
    frame.text = op.kind == Kind::error ? without_quotes(rest) : rest;
    frame.size = line.size;
    return frame.kind = op.kind;
}

// The end of the run of printable bytes at `at`, eight at a time where there are so many.
const char* skip_token(const char* at, const char* end) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101;
    constexpr std::uint64_t high_bits = ones * 0x80;
    while (end - at >= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, sizeof word);
        if ((word - ones * 0x21) & ~word & high_bits) // a byte below '!'
            break;
        at += 8;
    }
    while (at != end && static_cast<unsigned char>(*at) > ' ')
        ++at;
    return at;
}

// At most 9 digits.
const char* read_digits(const char* at, const char* end, std::uint64_t& number) noexcept {
    const char* const last = end - at > 9 ? at + 9 : end;
    std::uint64_t value = 0;
    for (; at != last; ++at) {
        const auto digit = static_cast<unsigned>(static_cast<unsigned char>(*at)) - '0';
        if (digit > 9)
            break;
        value = value * 10 + digit;
    }
    number = value;
    return at;
}

// A complete MSG as servers write it, the one frame that counts. False: parse_message() has to look at it.
bool parse_plain_message(std::string_view input, Frame& frame, const Limits& limits) noexcept {
    const char* const end = input.data() + input.size();
    const char* const subject = input.data() + 4;
    const char* const subject_end = skip_token(subject, end);
    if (subject_end == subject || subject_end == end || *subject_end != ' ')
        return false;
    const char* at = subject_end + 1;
    const char* const sid_end = read_digits(at, end, frame.sid);
    if (sid_end == at || sid_end == end || *sid_end != ' ')
        return false;
    at = sid_end + 1;
    const char* const reply = at;
    const char* reply_end = at;
    std::uint64_t size = 0;
    at = read_digits(at, end, size);
    if (at == end || *at != '\r') { // a reply topic comes first
        reply_end = skip_token(at, end);
        if (reply_end == reply || reply_end == end || *reply_end != ' ')
            return false;
        const char* const digits = reply_end + 1;
        at = read_digits(digits, end, size);
        if (at == digits || at == end || *at != '\r')
            return false;
    } else if (at == reply) {
        return false;
    }
    // Here `at` is at the line's end.
    if (static_cast<std::size_t>(at - input.data()) + 2 > limits.control_line || size > limits.payload ||
        static_cast<std::uint64_t>(end - at) < size + 4 || at[1] != '\n' || at[size + 2] != '\r' ||
        at[size + 3] != '\n')
        return false;
    frame.size = static_cast<std::size_t>(at - input.data()) + size + 4;
    frame.subject = {subject, static_cast<std::size_t>(subject_end - subject)};
    frame.reply = {reply, static_cast<std::size_t>(reply_end - reply)};
    frame.headers = {};
    frame.payload = {at + 2, static_cast<std::size_t>(size)};
    frame.kind = Kind::message;
    return true;
}

} // namespace

Kind parse(std::string_view input, Frame& frame, const Limits& limits) noexcept {
    if (input.size() > 4 && std::memcmp(input.data(), "MSG ", 4) == 0)
        return parse_plain_message(input, frame, limits) ? Kind::message
                                                         : parse_message(input, 4, false, frame, limits);

    for (const auto& op : ops) {
        const auto seen = std::min(op.name.size(), input.size());
        const bool fits = std::equal(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(seen),
                                     op.name.begin(), [](char a, char b) { return upper(a) == b; });
        if (!fits)
            continue;
        if (input.size() <= op.name.size())
            return incomplete(frame);
        const char next = input[op.name.size()];
        if (!is_space(next) && next != '\r' && next != '\n')
            break;
        if (op.kind == Kind::message)
            return parse_message(input, op.name.size(), op.name.front() == 'H', frame, limits);
        return parse_line(input, op, frame, limits);
    }
    return malformed(frame, input.substr(0, input.find_first_of("\r\n")),
                     "it is no operation of the protocol");
}

std::string explain(const Frame& frame) {
    return "the server sent '" + printable(frame.text) + "': " + (frame.problem ? frame.problem : "");
}

std::string printable(std::string_view bytes) {
    std::string text{bytes.substr(0, shown_bytes)};
    std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '.');
    if (bytes.size() > shown_bytes)
        text += "...";
    return text;
}

} // namespace fluxmq::nats
