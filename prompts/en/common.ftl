# What any hotline says when something goes wrong. A message of a menu may have attributes of the same names, which
# are said in place of these.

common =
    .no-input = I did not hear a key.
    .no-input-2 = I still did not hear a key. Take your time, and press a key when you are ready.
    .no-match = That is not one of the choices.
    .no-match-2 = That is still not one of the choices. To speak to a person, press zero.
    .too-short = That number is too short.
    .too-long = That number is too long.
    .bad-area = The number does not begin as it should. Please check the first six digits.
    .bad-date = The date of birth in the number is not right. Please check the seventh to the fourteenth digit.
    .bad-check = One of the digits seems to be wrong. Please check the number and key it again.
    .help = To speak to a person, press zero.
    .out-of-range = There are no records of that year.
    .unlike = The two passwords are not the same.
    .one-moment = One moment, please.
    .call-limit = This call has reached its time limit. Thank you for calling. Goodbye.
    .gave-up = I did not receive a valid entry.
