// SPDX-License-Identifier: MIT
// The compiled parts of Boost.Asio (BOOST_ASIO_SEPARATE_COMPILATION): built once here instead of in every file.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
