// SPDX-License-Identifier: MIT
#include <fluxmq/payload.hpp>

#include <boost/json/serialize.hpp>

namespace fluxmq {

Payload::Payload(std::nullptr_t) : Payload(Bytes::unowned("null")) {}
Payload::Payload(const boost::json::value& json) : Payload(Bytes::copy(boost::json::serialize(json))) {}
Payload::Payload(const boost::json::object& json) : Payload(Bytes::copy(boost::json::serialize(json))) {}
Payload::Payload(const boost::json::array& json) : Payload(Bytes::copy(boost::json::serialize(json))) {}
Payload::Payload(std::initializer_list<boost::json::value_ref> json) : Payload(boost::json::value(json)) {}

} // namespace fluxmq
