// SPDX-License-Identifier: MIT
// However a stream is cut, it gives the frames that the whole gives; nothing is read behind what has come.
#include <nats/protocol.hpp>

#include "target.hpp"

#include <algorithm>
#include <memory>
#include <string>

#ifdef __has_include
#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(at, size) (static_cast<void>(at), static_cast<void>(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) (static_cast<void>(at), static_cast<void>(size))
#endif

using fluxmq::fuzz::require;
using namespace fluxmq::nats;
using Kind = Frame::Kind;

namespace {

// Small, so that short inputs reach them.
constexpr Limits limits{.control_line = 48, .info_line = 64, .payload = 128};

// A copy of which only the first bytes may be touched.
class Arriving {
public:
    explicit Arriving(std::string_view bytes) : bytes_{new char[bytes.size() + 1]}, size_{bytes.size()} {
        std::copy(bytes.begin(), bytes.end(), bytes_.get());
        ASAN_POISON_MEMORY_REGION(bytes_.get(), size_ + 1);
    }
    ~Arriving() { ASAN_UNPOISON_MEMORY_REGION(bytes_.get(), size_ + 1); }
    Arriving(const Arriving&) = delete;
    Arriving& operator=(const Arriving&) = delete;

    std::string_view part(std::size_t begin, std::size_t size) {
        ASAN_UNPOISON_MEMORY_REGION(bytes_.get() + seen_, begin + size - seen_);
        seen_ = begin + size;
        return {bytes_.get() + begin, size};
    }

private:
    std::unique_ptr<char[]> bytes_;
    std::size_t size_;
    std::size_t seen_ = 0;
};

bool is_whole(Kind kind) { return kind != Kind::incomplete && kind != Kind::malformed; }

// The same part of two copies.
bool same(std::string_view a, const char* a_start, std::string_view b, const char* b_start) {
    return a.size() == b.size() && (a.empty() || a.data() - a_start == b.data() - b_start);
}

bool same(const Frame& a, std::string_view a_input, const Frame& b, std::string_view b_input) {
    if (a.kind != b.kind)
        return false;
    if (a.kind == Kind::malformed)
        return a.problem == b.problem;
    if (a.size != b.size)
        return false;
    const auto same_part = [&](std::string_view Frame::* part) {
        return same(a.*part, a_input.data(), b.*part, b_input.data());
    };
    if (a.kind == Kind::message)
        return a.sid == b.sid && same_part(&Frame::subject) && same_part(&Frame::reply) &&
               same_part(&Frame::headers) && same_part(&Frame::payload);
    return a.kind == Kind::incomplete || same_part(&Frame::text);
}

void check_inside(const Frame& frame, std::string_view input) {
    const auto bytes = input.substr(0, frame.size);
    const auto inside = [&](std::string_view part) {
        return part.empty() ||
               (part.data() >= bytes.data() && part.data() + part.size() <= bytes.data() + bytes.size());
    };
    require(frame.size > 0 && frame.size <= input.size(), "a frame is part of the input");
    require(bytes.ends_with('\n'), "a frame ends with a line end");
    if (frame.kind != Kind::message) {
        require(inside(frame.text), "the text is inside of the frame");
        return;
    }
    require(inside(frame.subject) && inside(frame.reply) && inside(frame.headers) && inside(frame.payload),
            "the parts of a message are inside of its frame");
    require(!frame.subject.empty() && frame.subject.find_first_of(" \t\n") == std::string_view::npos,
            "a subject is one word");
    require(frame.headers.size() + frame.payload.size() <= limits.payload, "the payload keeps its limit");
    require(frame.payload.data() + frame.payload.size() + 2 == bytes.data() + bytes.size(),
            "the payload is followed by a line end");
    require(frame.headers.empty() || frame.headers.data() + frame.headers.size() == frame.payload.data(),
            "the payload follows the headers");
}

void check_every_cut(const Frame& whole, std::string_view rest, std::size_t begin, Arriving& arriving) {
    std::size_t announced = 0;
    Frame part;
    for (std::size_t size = 0; size <= rest.size(); ++size) {
        const auto seen = arriving.part(begin, size);
        parse(seen, part, limits);
        if (part.kind == Kind::incomplete) {
            require(part.size == 0 || part.size > size, "an incomplete frame needs more than there is");
            require(announced == 0 || part.size == announced, "the size that was announced stays");
            announced = part.size;
            continue;
        }
        require(same(part, seen, whole, rest), "a part gives what the whole gives");
        require(part.kind == Kind::malformed || size == part.size, "a frame is complete with its last byte");
        require(!is_whole(part.kind) || announced == 0 || announced == part.size,
                "the announced size is the size");
        return;
    }
    require(whole.kind == Kind::incomplete && whole.size == announced, "the whole is incomplete, too");
}

// "mSG" is read by the general parser, "MSG" by a quick one where that can.
void check_general_parser(const Frame& frame, std::string_view rest, std::string& copy, std::size_t begin) {
    if (!rest.starts_with("MSG"))
        return;
    copy[begin] = 'm';
    const auto other = std::string_view{copy}.substr(begin);
    Frame general;
    parse(other, general, limits);
    require(same(frame, rest, general, other), "both parsers of messages agree");
}

} // namespace

void fuzz_protocol(std::string_view input) {
    Arriving arriving{input};
    std::string copy{input};
    for (std::size_t begin = 0; begin < input.size();) {
        const auto rest = input.substr(begin);
        Frame frame;
        const auto kind = parse(rest, frame, limits);
        require(kind == frame.kind, "the frame tells its kind");
        check_every_cut(frame, rest, begin, arriving);
        check_general_parser(frame, rest, copy, begin);
        if (kind == Kind::malformed) {
            const auto words = explain(frame);
            require(std::all_of(words.begin(), words.end(), [](char c) { return c >= ' ' && c <= '~'; }),
                    "an explanation is printable");
            require(words.size() < 200, "an explanation is short");
        }
        if (!is_whole(kind))
            return;
        check_inside(frame, rest);
        begin += frame.size;
    }
}
