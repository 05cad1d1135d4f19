// Runs baler_link under Verilator. First a row at every clock: the latents. Then, after a reset, some rows with time
// between them, every 37th of them raw, and the end of the run: the words of the wire.
// simulate CODES_HEX LATENTS_HEX WORDS_HEX ROWS_ON_WIRE CLOCKS_BETWEEN
#include "Vbaler_link.h"
#include "verilated.h"
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

static const int CODE_BITS = @code_bits@, LATENT_BITS = @latent_bits@;
typedef std::vector<uint32_t> Row;

template <class T> void put(T &port, const Row &row) {
    uint64_t value = row[0];
    if (row.size() > 1) value |= uint64_t(row[1]) << 32;
    port = T(value);
}
template <std::size_t N> void put(VlWide<N> &port, const Row &row) {
    for (std::size_t n = 0; n < N; n++) port[n] = row[n];
}
template <class T> uint32_t get(const T &port, int n) { return uint32_t(uint64_t(port) >> (32 * n)); }
template <std::size_t N> uint32_t get(const VlWide<N> &port, int n) { return port[n]; }

static Row parse(const std::string &line) {
    Row row((CODE_BITS + 31) / 32, 0);
    for (std::size_t n = 0; n < line.size(); n++) {
        std::size_t digit = line.size() - 1 - n;
        uint32_t value = std::stoul(line.substr(digit, 1), nullptr, 16);
        if (n / 8 < row.size()) row[n / 8] |= value << (4 * (n % 8));
    }
    return row;
}

static Vbaler_link *top;
static FILE *latents, *words;
static long edge = 0, first_in = -1, first_out = -1, results = 0;

static void tick() {
    top->clk = 0;
    top->eval();
    if (words && top->word_valid) fprintf(words, "%016llx\n", (unsigned long long)top->word);
    top->clk = 1;
    top->eval();
    edge++;
    if (latents && top->latents_valid) {
        if (first_out < 0) first_out = edge;
        for (int byte = (LATENT_BITS + 7) / 8 - 1; byte >= 0; byte--)
            fprintf(latents, "%02x", (get(top->latents, byte / 4) >> (8 * (byte % 4))) & 255);
        fputc('\n', latents);
        results++;
    }
}

static void reset() {
    top->valid_in = 0;
    top->raw_in = 0;
    top->end_in = 0;
    top->reset = 1;
    for (int n = 0; n < 4; n++) tick();
    top->reset = 0;
}

int main(int count, char **arguments) {
    if (count != 6) return 2;
    std::vector<Row> rows;
    std::ifstream file(arguments[1]);
    for (std::string line; std::getline(file, line);) rows.push_back(parse(line));
    top = new Vbaler_link;
    top->word_ready = 1;
    reset();
    latents = fopen(arguments[2], "w");
    for (const Row &row : rows) {
        if (first_in < 0) first_in = edge;
        put(top->codes, row);
        top->valid_in = 1;
        tick();
    }
    top->valid_in = 0;
    for (int n = 0; n < 200; n++) tick();
    fclose(latents);
    latents = nullptr;
    reset();
    words = fopen(arguments[3], "w");
    long wired = std::min(atol(arguments[4]), long(rows.size())), between = atol(arguments[5]);
    for (long n = 0; n <= wired; n++) {
        if (n < wired) put(top->codes, rows[n]);
        top->end_in = n == wired;
        top->raw_in = n % 37 == 5;
        top->counter_in = n;
        top->valid_in = 1;
        tick();
        top->valid_in = 0;
        for (long m = 0; m < between; m++) tick();
    }
    for (int n = 0; n < 2000; n++) tick();
    fclose(words);
    printf("{\"rows\": %ld, \"edges\": %ld, \"dropped\": %u}\n", results, first_out - first_in, top->dropped);
    delete top;
    return 0;
}
