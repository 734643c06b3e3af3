// A document of 100,000 models and 100 MB, and how soon a server answers at all.

#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "modelref/v1/reference.pb.h"
#include "tests/bench/bench_cases.h"
#include "tests/bench/bench_data.h"
#include "tests/bench/profile.h"

namespace modelref::bench {
namespace {

constexpr double kMegabyte = 1e6;
constexpr size_t kPages = 10;
constexpr double kSliceSeconds = 0.1;
constexpr double kProfileSeconds = 8;

// The first pages in stored order, or of a filter and an order.
std::vector<H2Request> RecordPages(ServerPair* pair, bool filtered) {
  v1::ListModelsRequest request;
  request.set_category(std::string(kHuge));
  if (filtered) {
    request.mutable_filter()->add_tags_any("t7");
    request.set_order(v1::MODEL_ORDER_PARAMETERS_DESC);
  }
  std::vector<H2Request> pages;
  while (pages.size() < kPages) {
    pages.push_back(ReferenceRequest("ListModels", request));
    v1::ListModelsResponse page;
    if (!page.ParseFromString(pair->Record(AnswerKind::kUnary, pages.back()).messages[0])) {
      Die("ListModels answers nonsense");
    }
    if (page.next_page_token().empty()) break;
    request.set_page_token(page.next_page_token());
  }
  return pages;
}

// One call at a time: what somebody who pages through a list waits for.
void MeasurePages(const std::string& name, const ServerPair& pair,
                  const std::vector<H2Request>& pages, Bench* bench) {
  std::vector<const H2Request*> all;
  for (const H2Request& page : pages) all.push_back(&page);
  H2Client ours(pair.ours().address, 1);
  H2Client bare(pair.bare().address, 1);
  if (!bench->profile.empty()) {
    if (!bench->Profiles(name)) return;
    return ProfileServer(pair.ours().child(), bench->output, name,
                         [&] { ours.RunLoop(all, 1, kProfileSeconds); });
  }
  Rounds micros;
  const auto wanted = static_cast<size_t>(bench->plan.list_calls);
  while (micros.ours.size() < wanted || micros.bare.size() < wanted) {
    const std::vector<double> a = ours.RunLoop(all, 1, kSliceSeconds, true).micros;
    const std::vector<double> b = bare.RunLoop(all, 1, kSliceSeconds, true).micros;
    micros.ours.insert(micros.ours.end(), a.begin(), a.end());
    micros.bare.insert(micros.bare.end(), b.begin(), b.end());
  }
  const auto add = [&](const std::string& part, double fraction, const Goal& goal) {
    bench->report.AddRounds(
        name + part, "ms",
        {{Percentile(micros.ours, fraction) / 1e3}, {Percentile(micros.bare, fraction) / 1e3}},
        goal);
  };
  add(", p50", 0.5, {});
  add(", p99", 0.99, {Goal::kAtMost, 10});
}

void MeasureStream(const ServerPair& pair, const H2Request& request, size_t bytes, Bench* bench) {
  H2Client ours(pair.ours().address, 1);
  H2Client bare(pair.bare().address, 1);
  Rounds rates;
  for (int round = 0; round <= bench->plan.starts; ++round) {
    for (const bool is_ours : {round % 2 == 0, round % 2 != 0}) {
      const SteadyTime start = SteadyClock::now();
      (is_ours ? ours : bare).RunLoop({&request}, 1, 0);
      const double rate = static_cast<double>(bytes) / kMegabyte / SecondsSince(start);
      if (round > 0) (is_ours ? rates.ours : rates.bare).push_back(rate);
    }
  }
  bench->report.AddRounds("StreamCategory of the whole", "MB/s", rates, {Goal::kAtLeast, 200});
}

H2Request GetModel(absl::string_view category) {
  v1::GetModelRequest request;
  request.set_category(std::string(category));
  request.set_name(ModelName(1));
  return ReferenceRequest("GetModel", request);
}

void MeasureLoads(const std::string& data, size_t bytes, Bench* bench) {
  const H2Request request = GetModel(kHuge);
  const auto rate = [&] {
    const double seconds =
        TimeStart([&] { return StartModelrefd(data, bench->folder + "/load.log"); }, request, true);
    return static_cast<double>(bytes) / kMegabyte / seconds;
  };
  bench->report.AddOurs("first start on files, to the first answer", "MB/s", rate(), {});
  std::vector<double> rates;
  for (int i = 0; i < bench->plan.starts; ++i) rates.push_back(rate());
  bench->report.AddOurs("start on a filled store, to the first answer", "MB/s", Median(rates),
                        {Goal::kAtLeast, 200});
}

}  // namespace

void RunHugeCases(Bench* bench) {
  if (!bench->profile.empty() && !absl::StartsWith(bench->profile, "ListModels")) return;
  const std::string data = bench->folder + "/huge";
  const size_t bytes = MakeHugeDirectory(data, bench->plan.huge_models);
  if (bench->profile.empty()) MeasureLoads(data, bytes, bench);
  ServerPair pair(bench->folder, data);
  const std::vector<H2Request> plain = RecordPages(&pair, false);
  const std::vector<H2Request> filtered = RecordPages(&pair, true);
  v1::StreamCategoryRequest request;
  request.set_category(std::string(kHuge));
  const H2Request whole = ReferenceRequest("StreamCategory", request);
  pair.Record(AnswerKind::kStream, whole);
  pair.StartBare();
  const std::string of = absl::StrCat("ListModels of ", bench->plan.huge_models);
  MeasurePages(of, pair, plain, bench);
  MeasurePages(of + ", filtered, sorted", pair, filtered, bench);
  if (bench->profile.empty()) MeasureStream(pair, whole, bytes, bench);
}

void RunStartCases(Bench* bench) {
  const std::string data = bench->folder + "/start";
  MakeDataDirectory(data);
  const H2Request request = GetModel(kLarge);
  ServerPair pair(bench->folder, data);
  pair.Record(AnswerKind::kUnary, request);
  pair.ours().child().Interrupt();
  Rounds millis;
  for (int i = 0; i < bench->plan.starts; ++i) {
    millis.ours.push_back(
        1e3 * TimeStart([&] { return StartModelrefd(data, bench->folder + "/start.log"); }, request,
                        true));
    millis.bare.push_back(
        1e3 * TimeStart([&] { return StartBare(pair.answers(), bench->folder); }, request, false));
  }
  bench->report.AddRounds("start to the first answer, 1 MB", "ms", millis, {});
}

}  // namespace modelref::bench
