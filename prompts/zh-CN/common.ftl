# What any hotline says when something goes wrong. A message of a menu may have attributes of the same names, which
# are said in place of these.

common =
    .no-input = 没有收到您的按键。
    .no-input-2 = 还是没有收到您的按键。不着急，请听完后慢慢按。
    .no-match = 您的按键无效，请重新选择。
    .no-match-2 = 您的按键仍然无效。需要人工服务，请按零。
    .too-short = 您输入的位数不够。
    .too-long = 您输入的位数太多。
    .bad-area = 您输入的号码开头不对，请核对前六位。
    .bad-date = 您输入的号码中出生日期不对，请核对第七位到第十四位。
    .bad-check = 您输入的号码有误，可能按错了其中一位，请核对后再输入。
    .help = 需要人工服务，请按零。
    .out-of-range = 这个年份没有记录可查。
    .unlike = 两次输入的密码不一致。
    .one-moment = 正在查询，请稍候。
    .call-limit = 本次通话时间已到上限。感谢您的来电，再见。
    .gave-up = 没有收到有效的输入。
