// SPDX-License-Identifier: MIT
#include "line_reader.hpp"

#include <fluxmq/error.hpp>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace flux_stock {

using fluxmq::errc;
using fluxmq::Error;

namespace {

constexpr std::size_t read_size = std::size_t{64} << 10;
constexpr int patience_ms = 100;

} // namespace

void LineReader::open(std::string path) {
    close();
    path_ = std::move(path);
    buffer_.clear();
    begin_ = seen_ = 0;
    skips_ = at_end_ = false;
    file_ = path_ == "-" ? STDIN_FILENO : ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (file_ < 0)
        throw Error{errc::invalid_settings,
                    "field 'path': the file '" + path_ + "' cannot be read: " + std::strerror(errno)};
}

void LineReader::close() noexcept {
    if (file_ > STDIN_FILENO)
        ::close(file_);
    file_ = -1;
}

LineReader::Batch LineReader::read(std::size_t most) {
    Batch batch;
    while (batch.lines.size() < most) {
        if (const auto end = buffer_.find('\n', seen_); end != std::string::npos) {
            add(batch, std::string_view{buffer_}.substr(begin_, end - begin_));
            begin_ = seen_ = end + 1;
            continue;
        }
        seen_ = buffer_.size();
        if (seen_ - begin_ > longest_line) {
            skips_ = true;
            begin_ = seen_;
        }
        if (at_end_) { // a last line without an end is one, too
            if (seen_ > begin_ || skips_)
                add(batch, std::string_view{buffer_}.substr(begin_));
            begin_ = seen_;
            batch.at_end = true;
            break;
        }
        if (!fill())
            break;
    }
    return batch;
}

void LineReader::add(Batch& batch, std::string_view line) {
    if (std::exchange(skips_, false)) {
        ++batch.too_long;
        return;
    }
    if (line.ends_with('\r'))
        line.remove_suffix(1);
    batch.lines.emplace_back(line);
}

// False: there is nothing at the moment.
bool LineReader::fill() {
    pollfd ready{.fd = file_, .events = POLLIN, .revents = 0};
    if (const auto count = ::poll(&ready, 1, patience_ms); count == 0 || (count < 0 && errno == EINTR))
        return false;
    buffer_.erase(0, begin_);
    seen_ -= begin_;
    begin_ = 0;
    const auto old = buffer_.size();
    buffer_.resize(old + read_size);
    const auto count = ::read(file_, buffer_.data() + old, read_size);
    buffer_.resize(old + static_cast<std::size_t>(count < 0 ? 0 : count));
    if (count < 0 && errno != EINTR && errno != EAGAIN)
        throw Error{errc::hook_failed, "the file '" + path_ + "' cannot be read: " + std::strerror(errno)};
    at_end_ = count == 0;
    return count >= 0;
}

} // namespace flux_stock
