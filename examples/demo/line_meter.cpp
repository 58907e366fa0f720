// SPDX-License-Identifier: MIT
#include "line_meter.hpp"

#include "line_messages.hpp"
#include "text.hpp"

namespace demo {

fluxlib::Task<> LineMeter::on_create() {
    settings_ = settings_as<LineMeterSettings>();
    // Lines that find the input full wait with whoever published them: nothing is dropped.
    input("lines").set_limits({.overflow = fluxmq::Overflow::block});
    co_return;
}

fluxlib::Task<> LineMeter::on_input(fluxlib::Message message) {
    if (message.headers().contains(end_header)) {
        output("measures").publish(""); // with the headers of `message`
        co_return;
    }
    const auto line = message.text();
    const Measure measure{.number = ++lines_,
                          .bytes = line.size(),
                          .words = count_words(line),
                          .text = printable(line, settings_.text_size)};
    output("measures").publish(measure);
}

} // namespace demo
