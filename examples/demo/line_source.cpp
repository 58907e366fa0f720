// SPDX-License-Identifier: MIT
#include "line_source.hpp"

#include <fluxlib/service.hpp>

#include "line_messages.hpp"

#include <algorithm>

namespace demo {

fluxlib::Task<> LineSource::on_start() {
    const auto path = settings_as<LineSourceSettings>().path;
    reader_ = std::make_unique<LineReader>(path, service().transport().max_payload());
    co_return;
}

// A chunk a tick, and not all in one hook: so the node can be stopped at any time, however long the input is.
fluxlib::Task<> LineSource::on_tick(const fluxlib::Tick&) {
    if (ended_)
        co_return;
    // Reading may block, so a thread of the pool does it, while the other nodes go on.
    co_await fluxlib::offload([this] { reader_->read(std::chrono::milliseconds{100}); });

    // publish() never waits; flush() does, until those who read have room for what was published.
    const auto batch = std::max<std::size_t>(1, settings_as<LineSourceSettings>().batch);
    std::size_t published = 0;
    while (const auto line = reader_->next()) {
        output("lines").publish(*line);
        if (++published % batch == 0)
            co_await service().transport().flush();
    }
    co_await service().transport().flush();
    if (!reader_->done())
        co_return;
    output("lines").publish("", {{end_header, "1"}});
    ended_ = true;
}

} // namespace demo
