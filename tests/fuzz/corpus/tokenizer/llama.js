const llama_vocab_base64 = "PHVuaz4KPHM+Cjwvcz4KPDB4NDE+CuKWgWhp";
