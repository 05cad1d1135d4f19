// Runs the C++ of an hls4ml project: rows of codes as doubles in, latents as doubles out.
#include "@project@_bridge.cpp"
#include <cstdio>

int main(int count, char **arguments) {
    if (count != 3) return 2;
    FILE *in = fopen(arguments[1], "rb"), *out = fopen(arguments[2], "wb");
    if (!in || !out) return 3;
    double codes[@inputs@], latents[@outputs@];
    while (fread(codes, sizeof(double), @inputs@, in) == @inputs@) {
        @project@_double(codes, latents);
        fwrite(latents, sizeof(double), @outputs@, out);
    }
    fclose(in);
    fclose(out);
    return 0;
}
