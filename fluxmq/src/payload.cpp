// SPDX-License-Identifier: MIT
#include <fluxmq/payload.hpp>

#include <boost/json/serializer.hpp>

namespace fluxmq {

namespace {

Bytes written(boost::json::serializer& serializer) {
    char place[4096];
    const auto begin = serializer.read(place);
    if (serializer.done())
        return Bytes::copy({begin.data(), begin.size()});
    std::string all{begin.data(), begin.size()};
    while (!serializer.done()) {
        const auto more = serializer.read(place);
        all.append(more.data(), more.size());
    }
    return Bytes::copy(all);
}

template <class Json>
Bytes write(const Json& json) {
    boost::json::serializer serializer;
    serializer.reset(&json);
    return written(serializer);
}

} // namespace

Payload::Payload(std::nullptr_t) : Payload(Bytes::unowned("null")) {}
Payload::Payload(const boost::json::value& json) : Payload(write(json)) {}
Payload::Payload(const boost::json::object& json) : Payload(write(json)) {}
Payload::Payload(const boost::json::array& json) : Payload(write(json)) {}
Payload::Payload(std::initializer_list<boost::json::value_ref> json) : Payload(boost::json::value(json)) {}

} // namespace fluxmq
