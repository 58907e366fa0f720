// SPDX-License-Identifier: MIT
#include "line_reader.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace demo {

namespace {

constexpr std::size_t chunk = std::size_t{256} << 10;

[[noreturn]] void fail(const std::string& path) {
    throw std::system_error{errno, std::generic_category(), "cannot read '" + path + "'"};
}

} // namespace

LineReader::LineReader(std::string path, std::size_t longest)
    : path_{std::move(path)}, longest_{longest},
      file_{path_ == "-" ? dup(STDIN_FILENO) : open(path_.c_str(), O_RDONLY | O_CLOEXEC)} {
    if (file_ < 0)
        fail(path_);
}

LineReader::~LineReader() { close(file_); }

void LineReader::read(std::chrono::milliseconds patience) {
    text_.erase(0, std::exchange(position_, 0));
    pollfd wanted{.fd = file_, .events = POLLIN, .revents = 0};
    const int ready = poll(&wanted, 1, static_cast<int>(patience.count()));
    if (ready == 0 || (ready < 0 && errno == EINTR))
        return;
    const auto before = text_.size();
    text_.resize(before + chunk);
    const auto count = ::read(file_, text_.data() + before, chunk);
    text_.resize(before + (count > 0 ? static_cast<std::size_t>(count) : 0));
    if (count < 0 && errno != EINTR && errno != EAGAIN)
        fail(path_);
    ended_ = count == 0;
}

std::optional<std::string_view> LineReader::next() {
    const auto left = std::string_view{text_}.substr(position_);
    const auto end = left.find('\n');
    const bool complete = end != std::string_view::npos;
    const auto size = std::min(complete ? end : left.size(), longest_);
    if (left.empty() || (!complete && !ended_ && size < longest_))
        return std::nullopt;
    position_ += size + (size == end ? 1 : 0);
    return left.substr(0, size);
}

} // namespace demo
