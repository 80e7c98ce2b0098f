# samples that are not there are skipped
n = sample :bd, pick
puts n.blank_node?, rand
sample :bd, pick(2), amp: 2
puts rand
sample "bd_", lambda { |found| [] }
sample "bd_", lambda { |found| nil }
sample :bd_haus, 3
sample "no_such_name"
sample nil
control n, amp: 1
puts sample_paths(:bd).size, sample_paths(:bd_haus).size
play 60, release: 0.1
sleep 0.5
sample :bd_haus
