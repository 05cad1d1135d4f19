// Packets (formats/wire.md) of the latents of rows: encoder, groups of up to @together@ events, framing with a checksum.
// Version @version@; model @digest@
//
// With `valid_in` an event comes: its input codes and its counter. `raw_in`: send the codes as they are; rows with a
// saturated latent are sent so too. `end_in`: no event but the end of the run, whose counter is how many events there were.
// Words of 64 bits leave at `word`, the first byte of the wire in the lowest bits, while `word_ready`. What does not
// find room in the queue is dropped and counted; the receiver misses its counters.
`timescale 1ns / 1ps

module baler_link (
    input clk,
    input reset,
    input valid_in,
    input raw_in,
    input end_in,
    input [31:0] counter_in,
    input [@code_bits@-1:0] codes,
    output latents_valid,
    output [@latent_bits@-1:0] latents,
    input word_ready,
    output word_valid,
    output word_first,
    output word_last,
    output [63:0] word,
    output reg [31:0] dropped
);
    localparam CODES = @code_bits@;
    localparam LATENTS = @latent_bits@;
    localparam TOGETHER = @together@;
    localparam PAYLOAD = @payload_bits@;  // whole words
    localparam EDGES = @edges@;
    localparam DEPTH_BITS = 4;
    localparam [31:0] MODEL = 32'h@model@;

    // The encoder, and what goes along with its rows.
    baler_encoder encoder (
        .clk(clk), .reset(reset), .valid_in(valid_in), .codes(codes),
        .valid_out(latents_valid), .latents(latents)
    );
    reg [CODES+33:0] along [0:EDGES-1];
    integer n;
    always @(posedge clk) begin
        along[0] <= {end_in, raw_in, counter_in, codes};
        for (n = 1; n < EDGES; n = n + 1) along[n] <= along[n-1];
    end
    wire [CODES+33:0] row = along[EDGES-1];
    wire [31:0] row_counter = row[CODES+31:CODES];
    wire row_end = row[CODES+33];
    wire saturated = !row_end && (@saturated@);
    wire row_raw = !row_end && (row[CODES+32] || saturated);

    // One packet is open. An event joins it, or closes it and opens the next; full ones close by themselves.
    reg [7:0] events;
    reg [15:0] used;  // bits of the payload
    reg opened, is_raw, is_end, any_saturated;
    reg [31:0] first;
    reg [PAYLOAD-1:0] payload;
    integer slot;
    wire complete = is_raw || is_end || events == TOGETHER;
    wire joins = opened && !complete && !row_raw && !row_end && row_counter == first + {24'd0, events};
    wire push = opened && (complete || (latents_valid && !joins));
    always @(posedge clk) begin
        if (reset) opened <= 0;
        else if (latents_valid && !joins) begin
            opened <= 1;
            is_raw <= row_raw;
            is_end <= row_end;
            any_saturated <= saturated;
            first <= row_counter;
            events <= row_end ? 8'd0 : 8'd1;
            used <= row_end ? 16'd0 : row_raw ? CODES : LATENTS;
            payload <= 0;
            if (row_raw) payload[CODES-1:0] <= row[CODES-1:0];
            else if (!row_end) payload[LATENTS-1:0] <= latents;
        end else if (latents_valid) begin
            events <= events + 8'd1;
            any_saturated <= any_saturated || saturated;
            used <= used + LATENTS;
            for (slot = 1; slot < TOGETHER; slot = slot + 1)
                if (events == slot) payload[slot*LATENTS +: LATENTS] <= latents;
        end else if (push) opened <= 0;
    end

    // The queue of closed packets.
    wire [15:0] rounded = used + 16'd63;
    reg [PAYLOAD+50:0] queue [0:(1<<DEPTH_BITS)-1];
    reg [DEPTH_BITS:0] written, taken;
    wire full = written - taken == (1 << DEPTH_BITS);
    always @(posedge clk) begin
        if (reset) begin
            written <= 0;
            dropped <= 0;
        end else if (push && full) dropped <= dropped + {24'd0, is_end ? 8'd1 : events};
        else if (push) begin
            queue[written[DEPTH_BITS-1:0]] <= {is_end, is_raw, any_saturated, events, rounded[13:6], first, payload};
            written <= written + 1'b1;
        end
    end

    // Framing: a word at every clock at which it is taken.
    wire [PAYLOAD+50:0] next = queue[taken[DEPTH_BITS-1:0]];
    wire [2:0] next_flags = next[PAYLOAD+50:PAYLOAD+48];
    wire [7:0] next_events = next[PAYLOAD+47:PAYLOAD+40];
    wire [7:0] next_words = next[PAYLOAD+39:PAYLOAD+32];
    reg sending, at_first;
    reg [7:0] left;  // words behind this one
    reg [PAYLOAD+95:0] body;
    reg [31:0] crc;
    wire [31:0] half = crc32(crc, {32'd0, body[31:0]}, 32);
    assign word_valid = sending;
    assign word_first = sending && at_first;
    assign word_last = sending && left == 0;
    assign word = word_last ? {~half, body[31:0]} : body[63:0];
    always @(posedge clk) begin
        if (reset) begin
            sending <= 0;
            taken <= 0;
        end else if (sending && !word_last) begin
            if (word_ready) begin
                body <= body >> 64;
                crc <= crc32(crc, body[63:0], 64);
                left <= left - 8'd1;
                at_first <= 0;
            end
        end else if (!sending || word_ready) begin
            sending <= written != taken;
            if (written != taken) begin
                body <= {next[PAYLOAD-1:0], next[PAYLOAD+31:PAYLOAD], MODEL, next_words, next_events,
                         1'b0, next_flags, 4'd@version@, 8'h@sync@};
                crc <= 32'hffffffff;
                left <= next_words + 8'd1;
                at_first <= 1;
                taken <= taken + 1'b1;
            end
        end
    end

    // CRC-32 as in zlib: reflected, the lowest bit first.
    function [31:0] crc32(input [31:0] start, input [63:0] data, input integer count);
        integer i;
        begin
            crc32 = start;
            for (i = 0; i < 64; i = i + 1)
                if (i < count)
                    crc32 = (crc32 >> 1) ^ ((crc32[0] ^ data[i]) ? 32'hedb88320 : 32'd0);
        end
    endfunction
endmodule
