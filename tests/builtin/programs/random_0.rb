# a thousand of each, from one seed
use_random_seed 0
40.times { puts (1..25).map { rand } }
use_random_seed 0
40.times { puts (1..25).map { rrand(-3, 7) } }
use_random_seed 0
40.times { puts (1..25).map { (1..100).to_a.choose } }
use_random_seed 0
100.times { puts (1..10).to_a.shuffle }
