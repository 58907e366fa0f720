// SPDX-License-Identifier: MIT
// For whoever reads answers on a reply topic of its own. Transport::request() does all of this by itself.
#pragma once

#include <fluxmq/message.hpp>

namespace fluxmq {

class Transport;

/// Whether `message` is what Go's handlers send by themselves to the reply topic of a message that they are done
/// with: `+ACK`, or `-NAK` after an error. It is not the answer, which may still come.
bool is_acknowledgement(const Message& message) noexcept;

/// Whether `message` is the broker's word that nobody listens on the topic of a request: status 503 and no payload
/// (NATS ADR-22). With a payload it is an answer.
bool is_no_responders(const Message& message) noexcept;

/// Answers an acknowledgement that is a request itself, with an empty message. Go's handlers send such ones, and wait
/// up to five seconds for an answer before they take the next message. Does nothing for any other message. When it
/// cannot send, it gives up, and the peer waits for its timeout. Thread safety: any thread.
void answer_acknowledgement(Transport& transport, const Message& message) noexcept;

} // namespace fluxmq
