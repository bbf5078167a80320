module linx/benchmarks

go 1.22
