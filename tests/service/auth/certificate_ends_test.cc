#include "service/auth/certificate_ends.h"

#include <gtest/gtest.h>

#include <string>

#include "backends/base/clock.h"
#include "tests/testing/certificates.h"

namespace modelref {
namespace {

using testing::MakeAuthority;
using testing::MakeCertificate;

TEST(CertificateEndsTest, TheEndOfACertificateIsThatOfItsFirstPemText) {
  const CertificateEnds ends;
  const auto authority = MakeAuthority("authority");
  const absl::Time before = RealClock().TimeNow();
  const std::string pem = MakeCertificate("w", authority, absl::Hours(2)).certificate;
  for (int i = 0; i < 2; ++i) {
    EXPECT_GE(ends.Of(pem), before + absl::Hours(2) - absl::Seconds(1));
    EXPECT_LE(ends.Of(pem), RealClock().TimeNow() + absl::Hours(2));
    EXPECT_EQ(ends.Of(pem + authority.certificate), ends.Of(pem));
  }
}

TEST(CertificateEndsTest, WhatCannotBeReadIsOver) {
  const CertificateEnds ends;
  const std::string pem = MakeCertificate("w", MakeAuthority("authority")).certificate;
  for (const std::string& text : {std::string(), std::string("no certificate"),
                                  std::string("\0\0", 2), pem.substr(0, pem.size() / 2),
                                  std::string("-----BEGIN CERTIFICATE-----\nAAAA\n"
                                              "-----END CERTIFICATE-----\n")}) {
    EXPECT_EQ(ends.Of(text), absl::InfinitePast()) << text;
  }
}

TEST(CertificateEndsTest, MoreThanAreKeptAreStillRight) {
  const CertificateEnds ends(2);
  const auto authority = MakeAuthority("authority");
  for (int round = 0; round < 2; ++round) {
    for (const int hours : {1, 2, 3}) {
      const std::string pem = MakeCertificate("w", authority, absl::Hours(hours)).certificate;
      EXPECT_GT(ends.Of(pem), RealClock().TimeNow() + absl::Hours(hours) - absl::Minutes(1));
      EXPECT_LT(ends.Of(pem), RealClock().TimeNow() + absl::Hours(hours) + absl::Minutes(1));
    }
  }
}

}  // namespace
}  // namespace modelref
