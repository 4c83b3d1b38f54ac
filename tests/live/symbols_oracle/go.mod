module heaptop.test/symbols_oracle

go 1.19
