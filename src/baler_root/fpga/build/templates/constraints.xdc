# Out of context: the design's own pins are registers, as da4ml puts one at each end.
create_clock -period @period@ -name clk [get_ports clk]
set_clock_uncertainty -setup 0.1 [get_clocks clk]
set_input_delay -clock clk 0.5 [get_ports -filter {DIRECTION == IN && NAME != clk}]
set_output_delay -clock clk 0.5 [get_ports -filter {DIRECTION == OUT}]
