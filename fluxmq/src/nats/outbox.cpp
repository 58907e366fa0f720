// SPDX-License-Identifier: MIT
#include "outbox.hpp"

#include <fluxmq/error.hpp>

#include <string>
#include <utility>

namespace fluxmq::nats {

void Outbox::set_limits(std::size_t connected, std::size_t disconnected) noexcept {
    const std::lock_guard lock{mutex_};
    connected_limit_ = connected;
    disconnected_limit_ = disconnected;
}

void Outbox::wake() {
    if (awake_)
        return;
    awake_ = true;
    wake_();
}

void Outbox::publish(std::string_view topic, std::string_view reply, const Headers& headers,
                     std::string_view payload) {
    const std::lock_guard lock{mutex_};
    if (state_ == State::closed || refusing_)
        throw Error{errc::closed, why_closed_, std::string{topic}};
    if (state_ == State::not_connected)
        throw Error{errc::not_connected, "connect() has not succeeded yet", std::string{topic}};
    const bool connected = state_ == State::connected;
    const auto limit = connected ? connected_limit_ : disconnected_limit_;
    const auto waiting = pending_.size() + held_.size() + (writing_.size() - written_);
    if (waiting + topic.size() + reply.size() + payload.size() > limit)
        throw Error{errc::buffer_full,
                    std::to_string(waiting) + " bytes wait to be sent" +
                        (connected ? "" : " when the connection is back") + ", the limit is " +
                        std::to_string(limit),
                    std::string{topic}};
    const bool holding = state_ == State::holding;
    append_publish(holding ? held_ : pending_, topic, reply, headers, payload);
    ++(holding ? held_messages_ : pending_messages_);
    ++published_;
    published_bytes_ += payload.size();
    if (connected)
        wake();
}

std::string_view Outbox::start_write() {
    const std::lock_guard lock{mutex_};
    const bool open = state_ == State::connected || state_ == State::holding;
    if (!open || pending_.empty()) {
        awake_ = false;
        return {};
    }
    awake_ = true;
    std::swap(pending_, writing_);
    writing_messages_ = std::exchange(pending_messages_, 0);
    written_ = 0;
    return writing_.view();
}

std::string_view Outbox::written(std::size_t size) noexcept {
    const std::lock_guard lock{mutex_};
    written_ += size;
    if (written_ < writing_.size())
        return writing_.view().substr(written_);
    writing_.clear();
    written_ = 0;
    writing_messages_ = 0;
    return {};
}

void Outbox::hold(OutBuffer last) {
    const std::lock_guard lock{mutex_};
    if (state_ != State::connected)
        return;
    pending_.append(last.view());
    wake();
    state_ = State::holding;
}

void Outbox::connected(OutBuffer first) {
    const std::lock_guard lock{mutex_};
    if (state_ == State::closed)
        return;
    first.append(pending_.view());
    pending_ = std::move(first);
    state_ = State::connected;
    if (!pending_.empty())
        wake();
}

void Outbox::disconnected() {
    const std::lock_guard lock{mutex_};
    if (state_ == State::closed)
        return;
    OutBuffer kept;
    pending_messages_ =
        keep_publishes(writing_.view(), written_, kept) + keep_publishes(pending_.view(), 0, kept);
    kept.append(held_.view());
    held_.clear();
    pending_messages_ += std::exchange(held_messages_, 0);
    pending_ = std::move(kept);
    writing_.clear();
    written_ = 0;
    writing_messages_ = 0;
    awake_ = false;
    state_ = State::disconnected;
}

std::uint64_t Outbox::keep_publishes(std::string_view frames, std::size_t written, OutBuffer& kept) const {
    std::uint64_t count = 0;
    for (std::size_t end = 0; !frames.empty();) {
        const auto frame = next_out_frame(frames);
        end += frame.bytes.size();
        if (!frame.publish || end <= written)
            continue;
        kept.append(frame.bytes);
        ++count;
    }
    return count;
}

void Outbox::refuse() noexcept {
    const std::lock_guard lock{mutex_};
    refusing_ = true;
}

std::string Outbox::why_closed() const {
    const std::lock_guard lock{mutex_};
    return why_closed_;
}

void Outbox::close(const std::string& why) {
    const std::lock_guard lock{mutex_};
    if (state_ == State::closed)
        return;
    state_ = State::closed;
    why_closed_ = why;
    // writing_ stays: the kernel may be reading it at this moment.
    auto frames = writing_.view();
    for (std::size_t end = 0; !frames.empty();) {
        const auto frame = next_out_frame(frames);
        end += frame.bytes.size();
        if (frame.publish && end > written_)
            ++lost_;
    }
    lost_ += std::exchange(pending_messages_, 0) + std::exchange(held_messages_, 0);
    writing_messages_ = 0;
    pending_.clear();
    held_.clear();
}

void Outbox::add_to(TransportCounters& counters) const noexcept {
    const std::lock_guard lock{mutex_};
    counters.published += published_;
    counters.published_bytes += published_bytes_;
    counters.lost += lost_;
    counters.pending += pending_messages_ + held_messages_ + writing_messages_;
}

} // namespace fluxmq::nats
