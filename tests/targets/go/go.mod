module heaptop.test

go 1.19
