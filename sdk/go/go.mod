module groundcrew.dev/hook

go 1.24
