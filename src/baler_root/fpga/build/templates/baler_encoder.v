// Latents of a row, from its input codes: the encoder of the model
// @digest@
// A row may come at every clock; its latents are there @edges@ edges later. Codes and latents in
// two's complement, the first in the least significant bits, as spec.json has them.
`timescale 1ns / 1ps

module baler_encoder (
    input clk,
    input reset,
    input valid_in,
    input [@code_bits@-1:0] codes,
    output valid_out,
    output [@latent_bits@-1:0] latents
);
    localparam EDGES = @edges@;

    wire [@inside_bits@-1:0] used_codes;
    wire [@outside_bits@-1:0] trimmed;

    @wires@

    encoder network (.clk(clk), .model_inp(used_codes), .model_out(trimmed));

    reg [EDGES-1:0] valid;
    always @(posedge clk) begin
        if (reset) valid <= 0;
        else valid <= {valid[EDGES-2:0], valid_in};
    end
    assign valid_out = valid[EDGES-1];
endmodule
