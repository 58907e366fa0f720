// SPDX-License-Identifier: MIT
#include "load_rates.hpp"

#include <algorithm>
#include <cmath>

namespace demo {

namespace {

RateSettings read(const boost::json::object& settings) {
    auto read = fluxmq::from_json<RateSettings>(settings, fluxmq::Missing::keep_default);
    if (read.window < 2)
        throw fluxmq::Error{fluxmq::errc::invalid_settings, "window must be at least 2"};
    return read;
}

// Counters grow, except when an interface goes away.
double growth(std::uint64_t before, std::uint64_t after) { return after < before ? 0 : after - before; }

} // namespace

void LoadRates::check_settings(const boost::json::object& wanted) const { read(wanted); }

fluxlib::Task<> LoadRates::on_create() {
    settings_ = read(settings());
    co_return;
}

fluxlib::Task<> LoadRates::on_settings(fluxlib::Message) {
    settings_ = read(settings());
    co_return;
}

fluxlib::Task<> LoadRates::on_input(fluxlib::Message message) {
    const auto now = message.as<Sample>();
    if (!first_)
        first_ = now;
    const auto last = std::exchange(last_, now);
    if (!last || now.seconds <= last->seconds)
        co_return; // a rate needs two samples

    const double passed = now.seconds - last->seconds;
    const double ticks = std::max(1.0, growth(last->cpu_all, now.cpu_all));
    const double in = growth(last->network_in, now.network_in) / passed;
    const double out = growth(last->network_out, now.network_out) / passed;
    Rates rates{.seconds = now.seconds - first_->seconds};
    rates.rates.push_back(rate("cpu", "%", 100 * growth(last->cpu_busy, now.cpu_busy) / ticks));
    rates.rates.push_back(rate("memory", "MiB", now.memory_used / 1024.0 / 1024.0));
    rates.rates.push_back(rate("net in", "KiB/s", in / 1024));
    rates.rates.push_back(rate("net out", "KiB/s", out / 1024));
    output("rates").publish(rates);
}

Rate LoadRates::rate(std::string name, std::string unit, double value) {
    auto& history = history_[name];
    Rate rate{.name = std::move(name), .unit = std::move(unit), .value = value};
    const double count = history.size();
    for (const double old : history)
        rate.mean += old / count;
    for (const double old : history)
        rate.deviation += (old - rate.mean) * (old - rate.mean) / count;
    rate.deviation = std::sqrt(rate.deviation);

    const double usual = settings_.sigmas * std::max(rate.deviation, settings_.floor);
    rate.unusual = history.size() >= settings_.warm_up && std::abs(value - rate.mean) > usual;
    history.push_back(value);
    while (history.size() > settings_.window)
        history.pop_front();
    return rate;
}

} // namespace demo
