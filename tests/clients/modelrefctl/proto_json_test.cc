#include "clients/modelrefctl/proto_json.h"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "modelref/v1/admin.pb.h"
#include "modelref/v1/metadata.pb.h"
#include "modelref/v1/reference.pb.h"
#include "modelref/v1/statistics.pb.h"
#include "modelref/v1/watch.pb.h"
#include "modelref/v1/write.pb.h"
#include "tests/testing/paths.h"

namespace modelref::ctl {
namespace {

TEST(ProtoJsonTest, FieldsWithoutPresenceAreAlwaysThereAndOthersOnlyWhenSet) {
  EXPECT_EQ(CanonicalJson(ProtoToJson(v1::ResponseHeader())),
            R"({"epoch":"","revision":0,"node_id":"","stale":false})");
  v1::Download download;
  download.set_size_bytes(0);
  EXPECT_EQ(CanonicalJson(ProtoToJson(download)),
            R"({"file_name":"","file_url":"","sha256sum":"","size_bytes":0})");
}

TEST(ProtoJsonTest, BytesAreHexadecimalAndRecordsAreNested) {
  v1::DeltaRecord record;
  record.set_name("a \"b\"");
  record.set_json(R"({"size":1.50,"big":12345678901234567890})");
  record.set_etag(std::string("\x00\xff", 2));
  EXPECT_EQ(CanonicalJson(ProtoToJson(record)),
            R"({"name":"a \"b\"","json":{"size":1.50,"big":12345678901234567890},)"
            R"("etag":"00ff"})");
}

TEST(ProtoJsonTest, ValuesOfDifferencesAreNestedAndAbsentOnesNull) {
  v1::FieldDiff field;
  field.set_new_value(R"({"a":1.0})");
  const JsonObject object = ProtoToObject(field);
  EXPECT_TRUE(object.Find("old_value")->is_null());
  EXPECT_EQ(CanonicalJson(*object.Find("new_value")), R"({"a":1.0})");
}

TEST(ProtoJsonTest, LargeIntegersEnumsTimesAndDurationsAreReadable) {
  v1::WatchEvent event;
  event.set_type(v1::EVENT_TYPE_UPSERT);
  event.set_mod_revision(18446744073709551615u);
  event.mutable_fetch_jitter()->set_nanos(250'000'000);
  event.mutable_commit_time()->set_seconds(1767323045);
  const JsonObject object = ProtoToObject(event);
  EXPECT_EQ(*object.Find("type")->AsString(), "EVENT_TYPE_UPSERT");
  EXPECT_EQ(object.Find("mod_revision")->AsNumber()->lexeme, "18446744073709551615");
  EXPECT_EQ(*object.Find("fetch_jitter")->AsString(), "0.25s");
  EXPECT_EQ(*object.Find("commit_time")->AsString(), "2026-01-02T03:04:05Z");
  EXPECT_EQ(object.Find("delta"), nullptr);
  EXPECT_EQ(object.Find("prev_mod_revision"), nullptr);
}

TEST(ProtoJsonTest, ValueOfANewerEnumIsItsNumber) {
  v1::CategorySummary summary;
  summary.set_format(static_cast<v1::Format>(9));
  EXPECT_EQ(CanonicalJson(*ProtoToObject(summary).Find("format")), "9");
}

TEST(ProtoJsonTest, DoublesAreShortAndNeverInvalidJson) {
  v1::ProcessStatistics process;
  process.set_cpu_seconds(0.1);
  EXPECT_EQ(CanonicalJson(*ProtoToObject(process).Find("cpu_seconds")), "0.1");
  process.set_cpu_seconds(std::numeric_limits<double>::infinity());
  EXPECT_EQ(CanonicalJson(*ProtoToObject(process).Find("cpu_seconds")), "null");
}

// One line per message that scripts can see: its name and its fields in order.
std::string DescribeMessages() {
  std::string text;
  for (const auto* file :
       {v1::ResponseHeader::descriptor()->file(), v1::Model::descriptor()->file(),
        v1::WatchEvent::descriptor()->file(), v1::GetServerInfoResponse::descriptor()->file(),
        v1::GetStatisticsResponse::descriptor()->file(), v1::CategoryMetadata::descriptor()->file(),
        v1::Committed::descriptor()->file()}) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      const auto* message = file->message_type(i);
      if (message->field_count() == 0) continue;
      absl::StrAppend(&text, message->name(), ": ", absl::StrJoin(FieldNames(*message), " "), "\n");
    }
  }
  return text;
}

// Scripts read these names: a difference here breaks them. Adding a line or a name at the end of a
// line is fine; write it into the file.
TEST(ProtoJsonTest, FieldNamesAreStable) {
  const std::string path =
      absl::StrCat(testing::SourceDir(), "/tests/clients/modelrefctl/stable_field_names.txt");
  std::ifstream file(path);
  const std::string stable((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(DescribeMessages(), stable) << path;
}

}  // namespace
}  // namespace modelref::ctl
