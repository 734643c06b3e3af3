#pragma once

#include <sys/socket.h>

#include <string>

namespace modelref {

// The address that a socket is bound to: "127.0.0.1:80", "[::1]:80", "unix:/path"; "unknown" when
// there is none.
std::string LocalAddressOf(int fd);

// What connections of one origin have in common: the IPv4 address, or the /64 of an IPv6 address,
// because one host commonly has all of it. Empty for unix sockets.
std::string OriginOf(const sockaddr_storage& peer);

}  // namespace modelref
