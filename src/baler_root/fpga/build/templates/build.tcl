# vivado -mode batch -source build.tcl
# Synthesis, placement and routing out of context; reports in reports/.
set folder [file normalize [file dirname [info script]]]
cd $folder
file mkdir reports
read_verilog [glob *.v]
read_xdc -mode out_of_context constraints.xdc
synth_design -top baler_link -part @part@ -mode out_of_context -flatten_hierarchy rebuilt
opt_design
place_design
phys_opt_design
route_design
report_timing_summary -file reports/timing.rpt
report_utilization -hierarchical -file reports/utilization.rpt
report_power -file reports/power.rpt
write_checkpoint -force reports/routed.dcp
