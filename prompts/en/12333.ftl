# The demo hotline 12333. A line is one recording; values in { } are read by the system.

welcome = Hello, and welcome to one two three three three, the human resources and social security hotline.

language = For English, press two.

notice = To keep up the quality of this service and to keep the record of queries that the law requires, your telephone number, the time and the steps of this call are logged. The numbers you key are not recorded, nor kept in clear.

main-menu =
    For ways to query and for policies, press one.
    For your own social insurance account, press two.
    To use your card number and your query password, press three.
    To speak to a person, press zero.
    To hear this again, press star. To go back, press pound. To end the call, press nine.

topics =
    How to query your records, press one.
    How often records are updated, press two.
    Whether queries cost anything, press three.
    What to do if a record is wrong, press four.
    For a person, press zero. To hear this again, star. To go back, pound. To end, nine.

ways-to-query =
    By telephone, press one.
    At the window, press two.
    At the touch screen, press three.
    On the website, press four.
    For a person, press zero. To hear this again, star. To go back, pound. To end, nine.

way-phone = Call this hotline and press two in the main menu. Key your ID number and your social security number. When they have been checked, you can hear your balances, a summary and your payments.

way-window = Take your ID card to the window of your district's social insurance agency. You can also print your payment record at the self-service machine in the hall.

way-touch-screen = At the touch screen in the social insurance business hall, follow the instructions on the screen.

way-website = Log on to the social insurance website. The first time, register with your ID number and your social security card number, and choose a password. If you have forgotten your password, register again.

topic-updates = Payment records are updated once a month. The payment of a month can be queried in the month after.

topic-fees = Under article seventy-four of the Social Insurance Law, employers and individuals may query and check payment records free of charge.

topic-disputes =
    If you are employed and think that your record is wrong, first contact your employer's social insurance staff. If you pay for yourself, contact the sub-centre of your district or county.
    You can also report it on this hotline. In the main menu, press two for your own social insurance account. When your numbers have been checked, press five for other services, then one if a payment record is wrong.

enter-id =
    Please key your ID number. If it ends with the letter X, press star for it.
    Then press pound.
    .no-input = I did not hear any digits. Please key the number from your ID card. There is no hurry.
    .no-input-2 = I still did not hear any digits. To speak to a person, press zero.
    .too-short = That number is too short. An ID number has eighteen digits, an old one fifteen.
    .bad-date = The date of birth is not right. Please check the seventh to the fourteenth digit of your ID number.
    .bad-check = That ID number is not right. One digit may have been mistaken. Please key it again from your ID card.

enter-number =
    Please key your social security number, then press pound.
    .too-short = That number is too short. A social security number has eight to ten digits.
    .too-long = That number is too long. A social security number has eight to ten digits.

verified = Thank you. The numbers match.

wrong-details = The ID number and the social security number do not match. Please check them and key them again.

password =
    To key your card number and your query password, press one.
    If you have forgotten your password, press two.
    For a person, press zero. To hear this again, star. To go back, pound. To end, nine.

enter-card =
    Please key the number of your social security card without its letters, or only its last eight digits.
    Then press pound.
    .too-short = That number is too short. Please key at least the last eight digits of your card number.
    .too-long = That number is too long. The letters of the card number are left out.

enter-password =
    Please key your query password of six digits, then press pound.
    .too-short = That number is too short. A query password has six digits.
    .too-long = That number is too long. A query password has six digits.

wrong-password = That card number and that query password do not belong together.

initial-password = Your query password is still the one that you were given, and can be used once you have changed it. To protect your records, please key your ID number and your social security number as well.

forgotten = For a new password, your card number, your ID number and your social security number are checked.

not-proven = Those numbers do not belong together. Please check them and key them again.

new-password =
    Please key a new query password of six digits, then press pound.
    .too-short = That number is too short. A query password has six digits.
    .too-long = That number is too long. A query password has six digits.

new-password-again =
    Please key the new password once more, then press pound.
    .too-short = That number is too short. A query password has six digits.
    .too-long = That number is too long. A query password has six digits.

weak-password =
    { $reason ->
        [equal-digits] Six equal digits are too easy to guess. Please choose another password.
        [run] Digits that follow one another are too easy to guess. Please choose another password.
        [birthday] Your birthday is too easy to guess. Please choose another password.
       *[part-of-id] Digits from your ID number are too easy to guess. Please choose another password.
    }

password-changed = Your new query password is in force.

password-not-confirmed = I cannot confirm that your new query password is in force. If it is not accepted, your old password still holds. The other services can be used as always.

locked =
    There were too many numbers that did not match. To protect your information, queries are stopped. Please try again in { COUNT($minutes) } { $minutes ->
        [one] minute
       *[other] minutes
    }.
    You can also query at the window with your ID card.

records-down = The records do not answer at present. Please try again later. The other services can be used as always.

account =
    For your account balances, press one.
    For a summary of your payments, press two.
    For the payments of the last twelve months, press three.
    For the payments of one year, press four.
    For other services, press five.
    For a person, press zero. To hear this again, star. To go back, pound. To end, nine.

balance =
    The balance of your pension account is { MONEY($pension) }.
    The balance of your medical account is { MONEY($medical) }.
    The data is as of { MONTH($as-of) }.

summary = Here is the summary of your payments. The data is as of { MONTH($as-of) }.
    .insurance =
        { $insurance ->
            [pension] Pension insurance:
            [medical] Medical insurance:
            [unemployment] Unemployment insurance:
            [work-injury] Work injury insurance:
           *[maternity] Maternity insurance:
        } { $months ->
            [0] no payments.
            [one] paid for one month, { MONTH($first) }.
           *[other] paid for { COUNT($months) } months, from { MONTH($first) } to { MONTH($last) }.
        }

which-insurance =
    Pension, press one. Medical, press two.
    Unemployment, press three. Work injury, press four. Maternity, press five.
    For a person, press zero. To hear this again, star. To go back, pound. To end, nine.

payments =
    { $insurance ->
        [pension] Here are your pension insurance payments.
        [medical] Here are your medical insurance payments.
        [unemployment] Here are your unemployment insurance payments.
        [work-injury] Here are your work injury insurance payments.
       *[maternity] Here are your maternity insurance payments.
    }
    The data is as of { MONTH($as-of) }.
    For the next item, press six. For the one before, four. To hear it again, five. More slowly, seven. To stop, pound.
    .run = { MONTH($from) } to { MONTH($to) }, { COUNT($months) } months. Each month, contribution base { MONEY($base) }, your share { MONEY($personal) }, employer's share { MONEY($employer) }.
    .month = { MONTH($from) }. Contribution base { MONEY($base) }, your share { MONEY($personal) }, employer's share { MONEY($employer) }.
    .gap = { MONTH($from) } to { MONTH($to) }, { COUNT($months) } months, no payment recorded.
    .gap-month = { MONTH($from) }, no payment recorded.
    .none = { MONTH($from) } to { MONTH($to) }, no payment recorded. The data is as of { MONTH($as-of) }.
    .end = That was all. The data is as of { MONTH($as-of) }.

enter-year =
    Please key the four digits of a year.
    .too-short = A year has four digits.

services =
    If a payment record is wrong, press one.
    To change your query password, press two.
    For a person, press zero. To hear this again, star. To go back, pound. To end, nine.

wrong-insurance = Which insurance is the record of? For pension, press one. Medical, two. Unemployment, three. Work injury, four. Maternity, five.

wrong-month =
    Please key the month that is wrong, four digits of the year and two of the month. For March of twenty twenty-six, key two zero two six zero three.
    .too-short = That number is too short. A month has six digits.
    .too-long = That number is too long. A month has six digits.
    .out-of-range = There are no records of that month.

whose-error = If the agency has made a mistake, press one. If your employer has not declared or not paid, press two.

call-back = Somebody will call you back. To be called at the number you are calling from, press one. For another number, press two.

enter-callback =
    Please key the number to call back, with its area code, then press pound.
    .too-short = That number is too short. Please key the area code as well.
    .too-long = That number is too long. A telephone number has at most twelve digits.

number-not-shown = I do not have the number that you are calling from.

case-kept =
    What you say of your { $insurance ->
        [pension] pension insurance
        [medical] medical insurance
        [unemployment] unemployment insurance
        [work-injury] work injury insurance
       *[maternity] maternity insurance
    } in { MONTH($month) } has been registered.
    Your case number is { DIGITS($case) }.
    Once more, { DIGITS($case) }.

too-many-cases = You have registered three cases within twenty-four hours. Please call again tomorrow, or press zero for a person.

case-not-kept = I cannot confirm that your case has been registered. You can register it again in this call. It will not be registered twice.

person =
    No one can be connected at present. The hours are Monday to Friday, nine to twelve in the morning, and one to five in the afternoon.
    To go back, press pound. For the main menu, press one. To end the call, press nine.

goodbye = Thank you for calling. Goodbye.
