// The encoder against its test vectors, for any Verilog simulator, run in this folder:
//   iverilog -g2001 -o bench bench.v ../rtl/*.v && ./bench
`timescale 1ns / 1ps

module bench;
    localparam ROWS = @rows@, CODES = @code_bits@, LATENTS = @latent_bits@;
    reg clk = 0, reset = 1, valid_in = 0;
    reg [CODES-1:0] codes = 0;
    wire valid_out;
    wire [LATENTS-1:0] latents;
    reg [@code_digits@*4-1:0] given [0:ROWS-1];
    reg [@latent_digits@*4-1:0] expected [0:ROWS-1];
    integer sent = 0, seen = 0, identical = 0;

    baler_encoder encoder (
        .clk(clk), .reset(reset), .valid_in(valid_in), .codes(codes), .valid_out(valid_out), .latents(latents)
    );
    always #2.5 clk = !clk;

    initial begin
        $readmemh("codes.hex", given);
        $readmemh("latents.hex", expected);
        repeat (4) @(negedge clk);
        reset = 0;
        while (seen < ROWS) begin
            @(negedge clk);
            if (valid_out) begin
                if (latents === expected[seen][LATENTS-1:0]) identical = identical + 1;
                seen = seen + 1;
            end
            valid_in = sent < ROWS;
            if (sent < ROWS) codes = given[sent][CODES-1:0];
            sent = sent + 1;
            if (sent > 2 * ROWS + 1000) seen = ROWS;
        end
        $display("%0d of %0d rows identical", identical, ROWS);
        $finish;
    end
endmodule
