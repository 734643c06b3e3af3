// Reads that are answered at once.

#include "modelref/v1/reference.pb.h"
#include "tests/bench/bench_cases.h"
#include "tests/bench/bench_data.h"
#include "tests/bench/profile.h"

namespace modelref::bench {
namespace {

constexpr Goal kAsFast{Goal::kRatioAtLeast, 0.95};
constexpr int kConnections = 4;
// In flight on each connection: enough that the server always has work.
constexpr int kSmallInFlight = 16;
constexpr int kLargeInFlight = 2;
constexpr double kProfileSeconds = 8;

struct UnaryCase {
  std::string name;
  H2Request request;
  Goal goal;
  int in_flight = kSmallInFlight;
};

H2Request GetCategory(absl::string_view category, const std::string& etag = "") {
  v1::GetCategoryRequest request;
  request.set_category(std::string(category));
  request.set_if_none_match(etag);
  return ReferenceRequest("GetCategory", request);
}

H2Request Packed(H2Request request) {
  request.accept_gzip = true;
  return request;
}

H2Request GetModel() {
  v1::GetModelRequest request;
  request.set_category(std::string(kLarge));
  request.set_name(ModelName(500));
  return ReferenceRequest("GetModel", request);
}

// Records all answers and says what is asked.
std::vector<UnaryCase> MakeCases(ServerPair* pair) {
  std::vector<UnaryCase> cases = {
      {"GetCategory 100 B", GetCategory(kSmall), {}},
      {"GetCategory 10 KB", GetCategory(kMedium), kAsFast},
      {"GetCategory 1 MB", GetCategory(kLarge), kAsFast, kLargeInFlight},
      {"GetModel", GetModel(), {}},
  };
  for (const UnaryCase& one : cases) pair->Record(AnswerKind::kUnary, one.request);
  v1::GetCategoryResponse medium;
  if (!medium.ParseFromString(pair->answers()[1].messages[0])) Die("GetCategory answers nonsense");
  cases.push_back({"NOT_MODIFIED", GetCategory(kMedium, medium.etag()), kAsFast});
  pair->Record(AnswerKind::kUnary, cases.back().request);
  return cases;
}

void MeasureOne(const UnaryCase& one, const ServerPair& pair, Bench* bench) {
  if (!bench->profile.empty()) {
    if (!bench->Profiles(one.name)) return;
    H2Client client(pair.ours().address, kConnections);
    return ProfileServer(pair.ours().child(), bench->output, one.name,
                         [&] { client.RunLoop({&one.request}, one.in_flight, kProfileSeconds); });
  }
  const std::vector<RateSeries> series =
      MeasureRates(bench->plan, {{&pair.ours(), {&one.request}}, {&pair.bare(), {&one.request}}},
                   kConnections, one.in_flight);
  AddRates(one.name, series[0], series[1], one.goal, &bench->report);
}

// What callers that accept gzip get of a server that compresses; the bare one has the same bytes.
void MeasurePacked(const std::string& data, Bench* bench) {
  const std::vector<UnaryCase> cases = {
      {"GetCategory 10 KB, gzip", Packed(GetCategory(kMedium)), kAsFast},
      {"GetCategory 1 MB, gzip", Packed(GetCategory(kLarge)), kAsFast, kLargeInFlight},
  };
  ServerOptions options;
  options.settings = {kCompressAll};
  ServerPair pair(bench->folder, data, options);
  for (const UnaryCase& one : cases) {
    if (!BecomesCompressed(pair.ours(), one.request)) Die("modelrefd does not compress");
    pair.Record(AnswerKind::kUnary, one.request);
  }
  pair.StartBare();
  for (const UnaryCase& one : cases) {
    if (!BecomesCompressed(pair.bare(), one.request)) Die("the bare server does not compress");
    MeasureOne(one, pair, bench);
  }
}

}  // namespace

void RunUnaryCases(Bench* bench) {
  const std::string data = bench->folder + "/unary";
  MakeDataDirectory(data);
  {
    ServerPair pair(bench->folder, data);
    const std::vector<UnaryCase> cases = MakeCases(&pair);
    pair.StartBare();
    for (const UnaryCase& one : cases) MeasureOne(one, pair, bench);
  }
  MeasurePacked(data, bench);
}

}  // namespace modelref::bench
