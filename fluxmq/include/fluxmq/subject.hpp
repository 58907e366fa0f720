// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// The grammar of subjects (topics on the wire): tokens separated by dots. NATS protocol, "Subject names".
namespace fluxmq {

/// Bytes a subject may have: two of them and the sizes fit into a NATS control line of 4096.
inline constexpr std::size_t max_subject_size = 1536;

/// What is wrong with `subject` as a topic to publish on; empty when nothing is.
std::string publish_problem(std::string_view subject);

/// What is wrong with `pattern` as a topic to subscribe to, where `*` stands for one token and a last `>`
/// for one or more; empty when nothing is.
std::string subscribe_problem(std::string_view pattern);

/// Throws Error{invalid_topic} that names the topic and the problem.
void check_publish(std::string_view subject);

/// Throws Error{invalid_topic} that names the topic and the problem.
void check_subscribe(std::string_view pattern);

/// Whether `pattern` (which may have wildcards) covers `subject` (which may not). Both must be valid.
bool matches(std::string_view pattern, std::string_view subject) noexcept;

/// Whether `pattern` has a token that is a wildcard.
bool has_wildcard(std::string_view pattern) noexcept;

} // namespace fluxmq
