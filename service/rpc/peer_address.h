#pragma once

#include <sys/socket.h>

#include <string>

#include "absl/strings/string_view.h"

namespace modelref {

// The address that a socket is bound to: "127.0.0.1:80", "[::1]:80", "unix:/path"; "unknown" when
// there is none.
std::string LocalAddressOf(int fd);

// What connections of one origin have in common: the IPv4 address, or the /64 of an IPv6 address,
// because one host commonly has all of it. Empty for unix sockets.
std::string OriginOf(const sockaddr_storage& peer);
// The same of a peer in gRPC's notation, percent-decoded: "ipv4:10.0.0.7:51234",
// "ipv6:[2001:db8::1]:51234". What is not understood is its own origin, without what looks like a
// port.
std::string OriginOf(absl::string_view peer);

}  // namespace modelref
